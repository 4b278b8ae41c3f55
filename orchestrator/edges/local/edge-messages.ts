/** What the edge process sends to the daemon. The daemon checks it, because the edge is exposed to visitors. */
import { type Static, Type } from 'typebox';

/** The edge's state right before it handles a request. */
const EdgeStatusSchema = Type.Object({
  hostnames: Type.Array(Type.String()),
  /** Of visitors. */
  connections: Type.Integer(),
});
export type EdgeStatus = Static<typeof EdgeStatusSchema>;

/** The edge's first line on each connection. */
const HelloSchema = Type.Object({
  kind: Type.Literal('hello'),
  build: Type.String(),
  host: Type.String(),
  /** As requested, and as bound. */
  requestedPort: Type.Integer(),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  uid: Type.Integer(),
  maxConnections: Type.Integer(),
});
export type Hello = Static<typeof HelloSchema>;

const ReplySchema = Type.Object({
  kind: Type.Literal('reply'),
  id: Type.Integer(),
  status: EdgeStatusSchema,
});

export const EdgeMessageSchema = Type.Union([HelloSchema, ReplySchema]);
export type EdgeMessage = Static<typeof EdgeMessageSchema>;
