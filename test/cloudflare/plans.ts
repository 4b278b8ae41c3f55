/** Limits of Cloudflare's plans, from its documentation on DNS record quotas, attributes and batch changes. */

export type PlanName = 'free' | 'paid';

export interface Plan {
  name: PlanName;
  /** Records in a zone: 200 on a Free zone created since September 2024. */
  maxRecords: number;
  /** Characters in a record's comment. */
  maxCommentLength: number;
  /** Operations in one batch. */
  maxBatchOperations: number;
  /** Tags on a record: none on Free. */
  maxTags: number;
  /** The plan in the response of `GET /zones/{zone}`. */
  zone: { id: string; name: string; price: number; currency: string; frequency: string; legacy_id: string };
}

export const PLANS: Readonly<Record<PlanName, Plan>> = {
  free: {
    name: 'free',
    maxRecords: 200,
    maxCommentLength: 100,
    maxBatchOperations: 200,
    maxTags: 0,
    zone: {
      id: '0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee',
      name: 'Free Website',
      price: 0,
      currency: 'USD',
      frequency: '',
      legacy_id: 'free',
    },
  },
  paid: {
    name: 'paid',
    maxRecords: 3500,
    maxCommentLength: 500,
    maxBatchOperations: 3500,
    maxTags: 20,
    zone: {
      id: '1ac039f6c29b691475c3d74fe588d1ae',
      name: 'Pro Website',
      price: 20,
      currency: 'USD',
      frequency: 'monthly',
      legacy_id: 'pro',
    },
  },
};
