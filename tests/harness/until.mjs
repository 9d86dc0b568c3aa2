import { setTimeout as pause } from 'node:timers/promises';

/// Asks again and again, for what another process says only when asked: `look` returns
/// {done, value}. Fails with the last value when it takes too long.
export async function until(what, look, ms = 10_000) {
  const end = performance.now() + ms;
  for (;;) {
    const { done, value } = await look();
    if (done) return value;
    if (performance.now() > end) {
      throw new Error(`waited in vain for ${what}; last seen: ${JSON.stringify(value)}`);
    }
    await pause(10);
  }
}
