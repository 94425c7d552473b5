// Bounded waits for a condition. No test sleeps.

const POLL_MS = 20

/** The time in milliseconds after which an awaited event counts as missing. */
export const PATIENCE_MS = 30_000

/**
 * Resolves with the first truthy value of `look`. Rejects after `ms`, with the state that `show`
 * returns.
 */
export async function until(what, look, {ms = PATIENCE_MS, show = () => ""} = {}){
  const end = Date.now() + ms
  for(;;){
    const found = await look()
    if(found) return found
    if(Date.now() >= end) throw new Error(`waited ${ms} ms for ${what} ${await show()}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** Resolves with the value of `promise`. Rejects after `ms`. */
export function within(what, promise, ms = PATIENCE_MS){
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
