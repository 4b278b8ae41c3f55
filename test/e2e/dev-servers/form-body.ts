/** Encodes a form as browsers do. */
export function formBody(
  encoding: 'urlencoded' | 'multipart',
  fields: [name: string, value: string][],
): { type: string; body: string } {
  if (encoding === 'urlencoded')
    return { type: 'application/x-www-form-urlencoded', body: new URLSearchParams(fields).toString() };
  const boundary = '----form';
  const parts = fields.map(
    ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    type: `multipart/form-data; boundary=${boundary}`,
    body: `${parts.join('')}--${boundary}--\r\n`,
  };
}
