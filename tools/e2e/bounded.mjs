// Waiting with a bound: for a condition, never for a time.

const POLL_MS = 20

/** How long anything in these tests may take before it counts as missing. */
export const PATIENCE_MS = 15_000

/** Resolves with the first truthy value of `look`; after `ms` it rejects, with what `show` says of the state then. */
export async function until(what, look, {ms = PATIENCE_MS, show = () => ""} = {}){
  const end = Date.now() + ms
  for(;;){
    const found = await look()
    if(found) return found
    if(Date.now() >= end) throw new Error(`waited ${ms} ms for ${what} ${await show()}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** `promise`, or a rejection after `ms`. */
export function within(what, promise, ms = PATIENCE_MS){
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
