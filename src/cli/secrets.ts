/** What looks like a secret wherever it stands: the password in a connection string, Supabase's keys, tokens. */
const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s/]*@/gi, '$1:***@'],
  [/([?&](?:password|sslpassword)=)[^&\s]+/gi, '$1***'],
  [/\bsb_secret_[A-Za-z0-9_-]+/g, 'sb_secret_***'],
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g, '***'],
]

/** Makes the function that every line of output goes through, those of drivers' errors too. */
export function createMask(secrets: readonly string[]): (text: string) => string {
  const written = secrets.flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
  const known = written.filter((secret) => secret.length >= 6).sort((a, b) => b.length - a.length)
  return (text) => {
    const patterned = PATTERNS.reduce((masked, [pattern, replacement]) => masked.replace(pattern, replacement), text)
    return known.reduce((masked, secret) => masked.replaceAll(secret, '***'), patterned)
  }
}

/** The password of a connection string, as it stands there and decoded. A word that is also the user's or the host's is no secret worth garbling a text for. */
export function listPasswords(connectionString: string): readonly string[] {
  const url = URL.canParse(connectionString) ? new URL(connectionString) : null
  if (url === null) return [connectionString]
  const found = [url.password, decode(url.password), url.searchParams.get('password') ?? '']
  return found.filter((password) => ![url.username, url.hostname, url.pathname.slice(1)].includes(password))
}


function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
