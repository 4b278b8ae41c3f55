/** A name server for a test's network namespace: `node name-server.ts ADDRESS`. It knows one name. */
import { createSocket } from 'node:dgram';

/** The name that it knows, and the name's address. */
export const PUBLIC_NAME = { name: 'public.test', address: '203.0.113.99' };

const HEADER_BYTES = 12;
const TYPE_A = 1;

/** The question of a query: its name, its type, and where it ends. */
function questionOf(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  // After the name: its end, two bytes for the type, two for the class.
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 };
}

/** The name's address, or NXDOMAIN (3) for all other names. */
function answerTo(query: Buffer): Buffer {
  const { name, type, end } = questionOf(query);
  const isKnown = name.toLowerCase() === PUBLIC_NAME.name;
  const hasAnswer = isKnown && type === TYPE_A;
  const flags = [0x81, isKnown ? 0x80 : 0x83];
  const header = Buffer.from([...query.subarray(0, 2), ...flags, 0, 1, 0, hasAnswer ? 1 : 0, 0, 0, 0, 0]);
  const record = [0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 60, 0, 4, ...PUBLIC_NAME.address.split('.')];
  const answers = hasAnswer ? Buffer.from(record.map(Number)) : Buffer.alloc(0);
  return Buffer.concat([header, query.subarray(HEADER_BYTES, end), answers]);
}

if (import.meta.main) {
  const socket = createSocket('udp4');
  socket.on('message', (query, { port, address }) => socket.send(answerTo(query), port, address));
  // A reply from another address than the one that was asked would be ignored.
  socket.bind(53, process.argv[2], () => process.stdout.write('ready\n'));
}
