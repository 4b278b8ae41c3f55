/** Halves what fails together until whoever is at fault stands alone, so that one bad part never holds up the rest. */

/**
 * Tries all items at once; where `attempt` resolves to false, each half by itself, down to a single one, for whom
 * `attempt` has the last word. Parts are tried one after the other: they share a lock.
 */
export async function bisect<Item>(
  items: readonly Item[],
  attempt: (items: readonly Item[], isAlone: boolean) => Promise<boolean>,
): Promise<void> {
  if (items.length === 0 || (await attempt(items, items.length === 1)) || items.length === 1) return;
  await halving(items, attempt);
}

/** The same for two items or more that have failed together already. */
export async function halving<Item>(
  items: readonly Item[],
  attempt: (items: readonly Item[], isAlone: boolean) => Promise<boolean>,
): Promise<void> {
  const middle = Math.ceil(items.length / 2);
  await bisect(items.slice(0, middle), attempt);
  await bisect(items.slice(middle), attempt);
}
