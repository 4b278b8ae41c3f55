/** The students' hostnames on a zone: one level deep, since a certificate for more has to be ordered. */
import { DevenvError, TELL_INSTRUCTOR } from '../../errors.ts';

/** RFC 1035 §2.3.4: octets of a label, and of a whole name as text. */
const MAX_LABEL_CHARS = 63;
const MAX_NAME_CHARS = 253;

/** RFC 1123 §2.1. */
const LABELS = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$/;

export interface HostnameRules {
  /** The setting; null for one level below the zone. */
  template: string | null;
  zone: string;
  /** The person has ordered a certificate for deeper names. */
  allowDeep: boolean;
}

/** What is wrong with a hostname, worded to follow its name, and how the template should be instead. */
interface Fault {
  is: string;
  next: string;
}

export const hostnameFor = ({ template, zone }: HostnameRules, student: string) =>
  (template ?? `{student}.${zone}`).toLowerCase().replaceAll('{student}', student);

/** Why no record on this zone, or no certificate, can be for that hostname. */
function faultOn(hostname: string, { zone, allowDeep }: HostnameRules): Fault | null {
  const likeThese = `Write it like {student}.${zone} or {student}-class.${zone}.`;
  if (!hostname.endsWith(`.${zone}`))
    return { is: `does not end in .${zone}, the zone of CLOUDFLARE_ZONE_ID.`, next: likeThese };
  if (!LABELS.test(hostname)) {
    return {
      is: 'is no hostname: between its dots there may be a-z, 0-9 and -, not at the ends.',
      next: likeThese,
    };
  }
  if (!allowDeep && hostname.slice(0, -zone.length - 1).includes('.')) {
    return {
      is: `is more than one level below ${zone}. Cloudflare's Universal SSL certificate covers one level only: every browser would refuse the link.`,
      next: `Write it like {student}-class.${zone}, or order a certificate for deeper names and set cloudflare.deepHostnames: true.`,
    };
  }
  return null;
}

/** Why DNS can't hold that hostname. */
function faultOfLength(hostname: string): Fault | null {
  const label = hostname.split('.').find(({ length }) => length > MAX_LABEL_CHARS);
  if (label === undefined && hostname.length <= MAX_NAME_CHARS) return null;
  const found = label === undefined ? `it has ${hostname.length}` : `'${label}' has ${label.length}`;
  const most = label === undefined ? MAX_NAME_CHARS : MAX_LABEL_CHARS;
  return {
    is: `is too long: ${found} characters; ${most} is the most.`,
    next: 'Choose a shorter name, or a shorter template (DEVENV_HOSTNAME).',
  };
}

/** Refuses a template that can't work on this zone. Throws `bad-settings` with the reason. */
export function checkTemplate(rules: HostnameRules): void {
  const fault = faultOn(hostnameFor(rules, 'alice'), rules);
  if (fault === null) return;
  const what = `hostname: '${rules.template ?? ''}' ${fault.is}`;
  throw new DevenvError({ code: 'bad-settings', what, next: fault.next });
}

/** Refuses a hostname that DNS can't hold. Throws `bad-input`. */
export function checkHostname(hostname: string): void {
  const fault = faultOfLength(hostname);
  if (fault === null) return;
  throw new DevenvError({
    code: 'bad-input',
    what: `The hostname ${hostname} ${fault.is}`,
    next: fault.next,
  });
}

/** Why no link can be at a registered hostname; null where one can. */
export function problemOfHostname(hostname: string, rules: HostnameRules) {
  const fault = faultOn(hostname, rules) ?? faultOfLength(hostname);
  if (fault === null) return null;
  return {
    code: 'bad-settings',
    what: `The hostname ${hostname} ${fault.is}`,
    next: `The hostname template (DEVENV_HOSTNAME) causes this. ${fault.next} Then run \`devenv down\` and \`devenv up\`.`,
    nextForStudent: TELL_INSTRUCTOR,
  } as const;
}
