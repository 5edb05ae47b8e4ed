/**
 * Reads a response's body as text, and stops at so many bytes: `text()` would take whatever comes, also what was small on
 * the wire and is huge unpacked.
 *
 * @returns undefined when there is more.
 */
export async function readBounded(response: Response, maxBytes: number): Promise<string | undefined> {
  const decoder = new TextDecoder()
  const reader = response.body?.getReader()
  let text = ''
  let bytes = 0
  for (;;) {
    const part = await reader?.read()
    if (part?.value === undefined) return text + decoder.decode()
    bytes += part.value.length
    if (bytes > maxBytes) {
      await reader?.cancel()
      return undefined
    }
    text += decoder.decode(part.value, { stream: true })
  }
}
