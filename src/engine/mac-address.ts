/** A fixed MAC address, as the request gives it. */
import { invalid } from '../base/errors.ts';

const FORMS = [/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i, /^[0-9a-f]{2}(-[0-9a-f]{2}){5}$/i, /^[0-9a-f]{4}(\.[0-9a-f]{4}){2}$/i];

/** With colons and in lower case; undefined: none was given. An interface takes no group address, and not the one of zeros. */
export function parseMac(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const digits = text.replaceAll(/[:.-]/g, '').toLowerCase();
  const group = (Number.parseInt(digits.slice(0, 2), 16) & 1) === 1;
  if (!FORMS.some((form) => form.test(text)) || group || /^0+$/.test(digits)) throw invalid(`address ${text}: invalid MAC address`);
  return digits.replaceAll(/(..)(?=.)/g, '$1:');
}
