/** Chance that can be repeated: everything random in the mock comes from one seeded source. */

/** A number in [0, 1), as `Math.random` gives it. */
export type Random = () => number;

/** Mulberry32 (public domain, Tommy Ettinger): 32 bits of state are plenty for ids and jitter. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `digits` of lower-case hex. */
export function hex(random: Random, digits: number): string {
  let text = '';
  while (text.length < digits) {
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  }
  return text.slice(0, digits);
}

/** A version 4 UUID (RFC 9562 §5.4). */
export function uuid(random: Random): string {
  const digits = hex(random, 32);
  const variant = '89ab'.charAt(Math.floor(random() * 4));
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `4${digits.slice(13, 16)}`,
    `${variant}${digits.slice(17, 20)}`,
    digits.slice(20),
  ].join('-');
}

export function pick<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(random() * items.length)] ?? items[0];
}
