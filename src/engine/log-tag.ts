/** The template of `--log-opt tag`: Go's, as far as it names fields. */
import { invalid } from '../base/errors.ts';

const FIELDS = ['ID', 'FullID', 'Name', 'ImageID', 'ImageFullID', 'ImageName', 'Command', 'Hostname', 'DaemonName'];

/** What is not understood is refused, in the words of Go where they fit. */
export function parseTemplate(text: string): (fields: Readonly<Record<string, string>>) => string {
  const parts: Array<{ readonly field: string } | string> = [];
  let rest = text;
  for (let open = rest.indexOf('{{'); open >= 0; open = rest.indexOf('{{')) {
    const close = rest.indexOf('}}', open);
    if (close < 0) throw invalid('template: log-tag:1: unclosed action');
    const action = rest.slice(open + 2, close).trim();
    const [, field] = /^\.(\w+)$/.exec(action) ?? [];
    if (field === undefined)
      throw invalid(
        `template: log-tag:1: {{${action}}} is not available: fields alone are (${FIELDS.map((name) => `.${name}`).join(', ')})`,
      );
    if (!FIELDS.includes(field)) throw invalid(`template: log-tag:1: can't evaluate field ${field}`);
    parts.push(rest.slice(0, open), { field });
    rest = rest.slice(close + 2);
  }
  parts.push(rest);
  return (fields) => parts.map((part) => (typeof part === 'string' ? part : (fields[part.field] ?? ''))).join('');
}
