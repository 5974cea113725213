/** The error message of `ws` for a refused handshake. Browsers have none. */
const REFUSED = /(?:response|code): 4(?!08|25|29)\d\d/
const RETRY_AFTER = /\bretry-after=(\d{1,5})\b/

/** The default of the option `reconnect`. */
export const shouldReconnect = (code: number, reason: string): boolean =>
  code !== 1000 && code !== 1008 && code < 4000 && !(code === 1006 && REFUSED.test(reason))

/** The pause that a server asks for in the reason of a close, in milliseconds. */
export const pauseOf = (reason: string): number => Number(RETRY_AFTER.exec(reason)?.[1] ?? 0) * 1000
