/** One section of docs/errors.md: an error with what happened, who mends it and what it looks like. */
export interface ErrorSection {
  /** Several where they have one cause. */
  readonly codes: readonly string[]
  /** What stands beside the codes: a status, or the kind of a fault. */
  readonly beside: string
  readonly text: string
  /** The blocks of code in it, by their language. */
  readonly examples: Readonly<Record<'json' | 'text', readonly string[]>>
}

/** The sections below one heading of the second level. */
export function readErrorSections(page: string, chapter: string): readonly ErrorSection[] {
  const text = page.split(/^## /m).find((part) => part.startsWith(`${chapter}\n`))
  if (text === undefined) throw new Error(`docs/errors.md has no chapter "${chapter}"`)
  return text
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const heading = section.slice(0, section.indexOf('\n'))
      return {
        codes: Array.from(heading.matchAll(/`([^`]+)`/g), ([, code]) => code ?? ''),
        beside: heading.replaceAll(/`[^`]+`|[(), ]/g, ''),
        text: section.slice(heading.length),
        examples: { json: readBlocks(section, 'json'), text: readBlocks(section, 'text') },
      }
    })
}

function readBlocks(section: string, language: string): readonly string[] {
  return Array.from(section.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\`$`, 'gm')), ([, block]) => block ?? '')
}
