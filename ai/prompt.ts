/** The part of a model call's parameters that is read, the same in the AI SDK 5 to 7. */
export interface CallParametersLike {
  readonly prompt: readonly unknown[]
  readonly tools?: readonly { readonly type: string }[] | undefined
  readonly responseFormat?: unknown
  readonly maxOutputTokens?: number | undefined
  readonly abortSignal?: AbortSignal | undefined
}

/** What can be told of a prompt without a tokenizer. */
export interface PromptSize {
  /** UTF-8 bytes of all that is text in it, tools and the schema of the answer included, written as JSON. */
  readonly bytes: number
  /** Something in it is no text: files, images, tools that the provider runs. Its bytes say nothing about its tokens. */
  readonly opaque: boolean
}

/**
 * Measures what a provider has to read. Tokenizers of language models work on bytes, and no token is shorter than one: text is
 * at most as many tokens as bytes. JSON's own signs stand for what a provider puts between messages.
 */
export function measurePrompt({ prompt, tools = [], responseFormat }: CallParametersLike): PromptSize {
  let opaque = tools.some(({ type }) => type !== 'function')
  const messages = prompt.map((message) => {
    const { content } = message as { readonly content: unknown }
    if (!Array.isArray(content)) return message
    const textual = content.filter(isTextual)
    opaque ||= textual.length < content.length
    return { ...(message as object), content: textual }
  })
  return { bytes: countBytes(JSON.stringify([messages, tools, responseFormat])), opaque }
}

export function countBytes(text: string): number {
  return new TextEncoder().encode(text).length
}

function isTextual(part: unknown): boolean {
  const { type, output } = part as { readonly type: unknown; readonly output?: { readonly type: unknown; readonly value?: unknown } }
  if (type === 'tool-result' && output?.type === 'content' && Array.isArray(output.value)) {
    return output.value.every((item) => (item as { readonly type: unknown }).type === 'text')
  }
  return TEXTUAL.includes(type)
}

const TEXTUAL: readonly unknown[] = ['text', 'reasoning', 'tool-call', 'tool-result', 'tool-approval-request', 'tool-approval-response']
