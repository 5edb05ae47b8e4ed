/** How a model call ended. `charged` is what a finished one costs; undefined: nothing. */
export type CallEnd = { readonly ended: 'finished'; readonly charged: number | undefined } | { readonly ended: 'aborted' | 'failed' }

/** The credits that one model call may spend. */
export interface Hold {
  readonly creditType: string
  /** How many are reserved: charged where a price cannot be told. */
  readonly reserved: number
  /** Says what has been delivered so far is worth. A call that does not finish is charged that. */
  report(credits: number): void
  /** Charges the call. To be called once. Resolves when the charge is as definite as it will be, and never rejects. */
  end(end: CallEnd): Promise<void>
}
