/** What the program ends with. Documented in every help text. */
export const EXIT = Object.freeze({ done: 0, notDone: 1, wrongUsage: 2, notConnected: 3 })

/** The command line is wrong. The message names what. */
export class UsageError extends Error {}

/** The database or the Data API cannot be reached, or nothing says where it is. */
export class ConnectionError extends Error {}

/** The project has no driver for a database connection. */
export class DriverError extends ConnectionError {}

/** It was understood, and the answer is no: nothing was changed. */
export class RefusedError extends Error {}
