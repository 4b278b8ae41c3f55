/** How a request is forwarded to a link's service: where to, and what is translated on the way there and back. */
import type { IncomingMessage } from 'node:http';
import type { Service } from '../../../orchestrator/protocol/messages.ts';
import { mapHeaders } from '../../../orchestrator/proxy/header-list.ts';
import type { RequestTarget } from '../../../orchestrator/proxy/request-target.ts';
import type { ForwardOptions } from '../../../orchestrator/proxy/upstream-request.ts';
import { documentTransform, isDocumentRequest, isTranslatable } from './documents.ts';
import type { Link, RelayOptions } from './options.ts';
import { bodyForVisitor, type LinkContext, pathForService, toService, toVisitor } from './rewrite.ts';

/** The scheme that the visitor used, as the edge says. With several proxies, the first value is the visitor's. */
function visitorScheme({ headers }: IncomingMessage): 'http' | 'https' | undefined {
  const scheme = String(headers['x-forwarded-proto'] ?? '')
    .split(',')[0]
    ?.trim()
    .toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}

const localUrl = ({ scheme, port }: Service) => `${scheme}://localhost:${port}`;

/** How to forward this request to the link's service; null while nothing listens. */
export function forwardingOf(
  request: IncomingMessage,
  { host, path }: RequestTarget,
  { hostname, url, service }: Link,
  links: readonly Link[],
  { ports, visitorHeaders }: RelayOptions,
): ForwardOptions | null {
  if (service === null) return null;
  const context: LinkContext = {
    hostname,
    publicUrl: url,
    host: host === '' ? hostname : host,
    localUrl: localUrl(service),
    origin: request.headers.origin,
    visitorScheme: visitorScheme(request),
    ...(ports === undefined ? {} : { ports }),
    ...(visitorHeaders === undefined ? {} : { visitorHeaders: visitorHeaders(service) }),
    others: links.flatMap((other) => {
      // A closed link's hostname may belong to another student by now.
      if (other.hostname === hostname || other.service === null || !other.isOpen) return [];
      return [{ publicUrl: other.url, localUrl: localUrl(other.service) }];
    }),
  };
  return {
    target: { host: service.address, port: service.port, scheme: service.scheme },
    path: pathForService(path, context),
    requestHeaders: (headers) => {
      const list = toService(headers, context);
      // A compressed document could not be translated.
      return isDocumentRequest(request)
        ? mapHeaders(list, (name, value) => (name === 'accept-encoding' ? null : value))
        : list;
    },
    responseBody: (incoming) =>
      isTranslatable(request, incoming) ? documentTransform((text) => bodyForVisitor(text, context)) : null,
    responseHeaders: (headers) => toVisitor(headers, context),
  };
}
