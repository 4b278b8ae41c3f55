/** Which listeners may become public without the student's choice. */
import type { Listener } from './messages.ts';

/** Whether it is a public web server with pages for visitors: no debugger, database or admin page. */
export const isPublicWebServer = ({
  isPublic,
  purpose,
  speaks,
}: Pick<Listener, 'isPublic' | 'purpose' | 'speaks'>): boolean =>
  isPublic && purpose === 'page' && (speaks === 'http' || speaks === 'https');
