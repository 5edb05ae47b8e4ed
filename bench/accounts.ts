/** How many subscriptions the calls of a spread load fall on; those of a hot one all fall on the first. */
export const ACCOUNTS = 1_000
/** More credits than any run spends. */
export const AMPLE = 2_000_000_000
/** The account after the others has few credits: it shows who takes more than there is. */
export const LIMITED_ACCOUNT = ACCOUNTS
export const LIMITED_CREDITS = 50
