/** Splits what fails together until only the failing items remain, so that one bad item never blocks the others. */

/**
 * Tries one part at once. Resolves to false where its halves have to be tried; for a single item (`isAlone`) the attempt
 * is final.
 */
type Attempt<Item> = (items: readonly Item[], isAlone: boolean) => Promise<boolean>;

/** Tries all items together, then halves where that fails. Parts are tried one after the other: they share a lock. */
export async function bisect<Item>(items: readonly Item[], attempt: Attempt<Item>): Promise<void> {
  if (items.length === 0 || (await attempt(items, items.length === 1)) || items.length === 1) return;
  await bisectHalves(items, attempt);
}

/** The same for two items or more that have failed together already. */
export async function bisectHalves<Item>(items: readonly Item[], attempt: Attempt<Item>): Promise<void> {
  const middle = Math.ceil(items.length / 2);
  await bisect(items.slice(0, middle), attempt);
  await bisect(items.slice(middle), attempt);
}
