import { SignJWT } from 'jose'

/** The project whose users call; nothing is asked there, since its tokens are signed with a shared secret. */
export const TOKEN_URL = 'https://bench.supabase.co'

/** A user's access token, as a project with a legacy secret signs it. */
export function signToken(user: string, secret: string): Promise<string> {
  return new SignJWT({ role: 'authenticated', aal: 'aal1', is_anonymous: false, email: 'someone@example.com' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(`${TOKEN_URL}/auth/v1`)
    .setAudience('authenticated')
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime('2h')
    .sign(new TextEncoder().encode(secret))
}
