/** The students' hostnames on a zone: one level deep, since a certificate for more has to be ordered. */
import { DevenvError } from '../../errors.ts';

/** RFC 1035 §2.3.4: octets of a label, and of a whole name as text. */
const MAX_LABEL = 63;
const MAX_NAME = 253;

/** RFC 1123 §2.1. */
const LABELS = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/;

export interface HostnameRules {
  /** The setting; null for one level below the zone. */
  template: string | null;
  zone: string;
  /** The person has ordered a certificate for deeper names. */
  allowDeep: boolean;
}

export const hostnameFor = ({ template, zone }: HostnameRules, student: string) =>
  (template ?? `{student}.${zone}`).toLowerCase().replaceAll('{student}', student);

function refuse(code: 'bad-settings' | 'bad-input', what: string, next: string): never {
  throw new DevenvError({ code, what, next });
}

/** Refuses a template that can't work on this zone. Throws `bad-settings` with the reason. */
export function checkTemplate(rules: HostnameRules): void {
  const { zone, allowDeep } = rules;
  const example = hostnameFor(rules, 'alice');
  const template = rules.template ?? '';
  if (!example.endsWith(`.${zone}`)) {
    refuse(
      'bad-settings',
      `hostname: '${template}' does not end in .${zone}, the zone of CLOUDFLARE_ZONE_ID.`,
      `Write it like {student}.${zone} or {student}-class.${zone}.`,
    );
  }
  if (!LABELS.test(example)) {
    refuse(
      'bad-settings',
      `hostname: '${template}' is no hostname: between its dots there may be a-z, 0-9 and -, not at the ends.`,
      `Write it like {student}.${zone} or {student}-class.${zone}.`,
    );
  }
  if (!allowDeep && example.slice(0, -zone.length - 1).includes('.')) {
    refuse(
      'bad-settings',
      `hostname: '${template}' is more than one level below ${zone}. Cloudflare's Universal SSL certificate covers one level only: every browser would refuse the link.`,
      `Write it like {student}-class.${zone}, or order a certificate for deeper names and set cloudflare.deepHostnames: true.`,
    );
  }
}

/** Refuses a hostname that DNS can't hold. Throws `bad-input`. */
export function checkHostname(hostname: string): void {
  const [label = ''] = hostname.split('.');
  if (label.length > MAX_LABEL || hostname.length > MAX_NAME) {
    const found = label.length > MAX_LABEL ? `'${label}' has ${label.length}` : `it has ${hostname.length}`;
    const most = label.length > MAX_LABEL ? MAX_LABEL : MAX_NAME;
    refuse(
      'bad-input',
      `The hostname ${hostname} is too long: ${found} characters; ${most} is the most.`,
      'Choose a shorter name, or a shorter template (DEVENV_HOSTNAME).',
    );
  }
}
