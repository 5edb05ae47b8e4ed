import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const SOURCES = new URL('../../src/', import.meta.url).pathname

/** The command line and the migration talk to a person at a terminal: they have no codes, and no page. */
const OF_THE_TERMINAL = /^(cli|bin|migration)\b/

interface Made {
  readonly file: string
  readonly arguments: readonly ts.Expression[]
}

/** Every place in the sources where an error of this class is made. */
function listMade(...classes: readonly string[]): readonly Made[] {
  const made: Made[] = []
  for (const file of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts') && !OF_THE_TERMINAL.test(name))) {
    const source = ts.createSourceFile(file, readFileSync(join(SOURCES, file), 'utf8'), ts.ScriptTarget.Latest)
    const visit = (node: ts.Node): void => {
      if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && classes.includes(node.expression.text)) made.push({ file, arguments: node.arguments ?? [] })
      ts.forEachChild(node, visit)
    }
    visit(source)
  }
  return made
}

/** Kind and code of every `LedgerFault` that is made with a code of our own, not one that was passed on. */
export function listOwnFaults(): readonly { readonly file: string; readonly kind: string; readonly code: string }[] {
  return listMade('LedgerFault').flatMap(({ file, arguments: [kind, code] }) =>
    kind !== undefined && code !== undefined && ts.isStringLiteral(kind) && ts.isStringLiteral(code) ? [{ file, kind: kind.text, code: code.text }] : [],
  )
}

/** What is fixed in the messages of all other errors that are made with words of our own. */
export function listUncodedMessages(): readonly { readonly file: string; readonly words: readonly string[] }[] {
  return listMade('Error', 'TypeError').flatMap(({ file, arguments: [message] }) => {
    const words = (message === undefined ? [] : readFixedParts(message)).map((part) => part.trim()).filter((part) => part !== '')
    return words.length > 0 && words[0]?.startsWith('creditgate:') === true ? [{ file, words }] : []
  })
}

function readFixedParts(node: ts.Expression): readonly string[] {
  if (ts.isStringLiteralLike(node)) return [node.text]
  return ts.isTemplateExpression(node) ? [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)] : []
}
