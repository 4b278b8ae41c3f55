/** What a plan allows. Sources: Cloudflare's documentation on DNS record quotas, attributes and batch changes. */

export type PlanName = 'free' | 'paid';

export interface Plan {
  name: PlanName;
  /** Records a zone may hold: 200 on a Free zone made since September 2024. */
  records: number;
  /** Characters of a record's comment. */
  comment: number;
  /** Operations in one batch. */
  batch: number;
  /** Tags of a record: none on Free. */
  tags: number;
  /** As `GET /zones/{zone}` tells it. */
  zone: { id: string; name: string; price: number; currency: string; frequency: string; legacy_id: string };
}

export const PLANS: Readonly<Record<PlanName, Plan>> = {
  free: {
    name: 'free',
    records: 200,
    comment: 100,
    batch: 200,
    tags: 0,
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
    records: 3500,
    comment: 500,
    batch: 3500,
    tags: 20,
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
