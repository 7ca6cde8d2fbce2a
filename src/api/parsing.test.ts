/** The edge: URLs, queries, filters, bodies. */
import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import test from 'node:test';
import { parseJson } from './body.ts';
import { describeDuration, parseMoment } from './duration.ts';
import { filterFlag, parseFilters } from './filters.ts';
import { splitTag } from './images/reference.ts';
import { subnetOf } from './networks/builtin.ts';
import { flag, integer, timestamp, toSeconds } from './query.ts';
import { rewriteUrl } from './url.ts';
import { apiMinor, explainVersion } from './version.ts';

function request(method: string, url: string): IncomingMessage {
  return Object.assign(new IncomingMessage(new Socket()), { method, url });
}

test('a version prefix is taken off and remembered', () => {
  const old = request('GET', '/v1.30/containers/json?all=1');
  assert.equal(rewriteUrl(old), '/containers/json?all=1');
  assert.equal(apiMinor(old), 30);
  const none = request('GET', '/info');
  assert.equal(rewriteUrl(none), '/info');
  assert.equal(apiMinor(none), 51);
  for (const url of ['/v1.52/info', '/v1.23/info', '/v2.0/info', '/version', '/volumes'])
    assert.equal(rewriteUrl(request('GET', url)), url);
});

test('a version outside the range is explained', () => {
  assert.equal(explainVersion('/v1.99/info'), 'client version 1.99 is too new. Maximum supported API version is 1.51');
  assert.match(
    explainVersion('/v1.2/info') ?? '',
    /^client version 1\.2 is too old\. Minimum supported API version is 1\.24, please upgrade/,
  );
  assert.equal(explainVersion('/v1.41/nope'), undefined);
  assert.equal(explainVersion('/version'), undefined);
});

test("the slashes of an image's name are encoded, those of the route are not", () => {
  assert.equal(rewriteUrl(request('GET', '/v1.50/images/r:5000/a/b/json')), '/images/r:5000%2Fa%2Fb/json');
  assert.equal(rewriteUrl(request('POST', '/images/a/b/tag?repo=c/d')), '/images/a%2Fb/tag?repo=c/d');
  assert.equal(rewriteUrl(request('DELETE', '/images/a/json')), '/images/a%2Fjson');
  assert.equal(rewriteUrl(request('GET', '/images/json')), '/images/json');
  assert.equal(rewriteUrl(request('GET', '/images/a/json')), '/images/a/json');
});

test("booleans are Docker's", () => {
  for (const yes of ['1', 'true', 'True', 'on', 'yes', 'x']) assert.equal(flag(yes), true, yes);
  for (const no of [undefined, '', '0', 'no', 'No', 'false', 'False', 'none', ' 0 ']) assert.equal(flag(no), false, no);
  assert.equal(flag(['0', '1']), false, 'the first counts');
});

test('numbers and times', () => {
  assert.equal(integer('-1'), -1);
  assert.equal(integer(''), undefined);
  assert.throws(() => integer('1x'), {
    code: 'invalid',
    message: 'strconv.Atoi: parsing "1x": invalid syntax',
  });
  assert.throws(() => integer('99999999999999999999'), { code: 'invalid' });
  assert.equal(timestamp('1.5'), 1_500_000_000n);
  assert.equal(timestamp('1700000000.000000001'), 1_700_000_000_000_000_001n);
  assert.equal(toSeconds(1_500_000_000n), 1.5);
  assert.throws(() => timestamp('x'), { code: 'invalid' });
});

test('filters come in two forms', () => {
  const accepted = ['label', 'dangling'];
  assert.deepEqual(parseFilters('{"label":["a","b=c"]}', accepted), { label: ['a', 'b=c'] });
  assert.deepEqual(parseFilters('{"label":{"a":true,"b":false}}', accepted), { label: ['a'] });
  assert.deepEqual(parseFilters(undefined, accepted), {});
  assert.deepEqual(parseFilters('{}', accepted), {});
  assert.deepEqual(parseFilters('null', accepted), {});
  for (const wrong of ['x', '[]', '5', '{"label":"a"}', '{"label":[1]}', '{"label":'])
    assert.throws(() => parseFilters(wrong, accepted), { code: 'invalid' }, wrong);
  assert.throws(() => parseFilters('{"nope":["a"]}', accepted), {
    message: "invalid filter 'nope'",
  });
  assert.equal(filterFlag({ dangling: ['false'] }, 'dangling', true), false);
  assert.equal(filterFlag({}, 'dangling', true), true);
  assert.throws(() => filterFlag({ dangling: ['perhaps'] }, 'dangling', true), { code: 'invalid' });
});

test("bodies are complained about in Docker's words", () => {
  const json = 'application/json; charset=utf-8';
  const message = (text: string, type = json): string => {
    try {
      parseJson(type, text);
    } catch (error) {
      return error instanceof Error ? error.message : '';
    }
    return '';
  };
  assert.equal(parseJson('', ''), undefined);
  assert.deepEqual(parseJson(json, '{"a":1}'), { a: 1 });
  assert.equal(message('{"Image":'), 'invalid JSON: unexpected EOF');
  assert.equal(message('{"Image":"a'), 'invalid JSON: unexpected EOF');
  assert.equal(message('{"Image": x}'), "invalid JSON: invalid character 'x' looking for beginning of value");
  assert.equal(message('{x}'), "invalid JSON: invalid character 'x' looking for beginning of object key string");
  assert.equal(message('{"a":1 "b"}'), "invalid JSON: invalid character '\\\"' after object key:value pair");
  assert.equal(message('{}{}'), 'unexpected content after JSON');
  assert.equal(message(' '), 'invalid JSON: got EOF while reading request body');
  assert.equal(message('{}', 'text/plain'), "unsupported Content-Type header (text/plain): must be 'application/json'");
  assert.equal(message('{}', ''), 'malformed Content-Type header (): mime: no media type');
});

test("durations are docker ps's", () => {
  const cases: Array<[number, string]> = [
    [0, 'Less than a second'],
    [1, '1 second'],
    [59, '59 seconds'],
    [60, 'About a minute'],
    [120, '2 minutes'],
    [3540, '59 minutes'],
    [3600, 'About an hour'],
    [5400, '2 hours'],
    [47 * 3600, '47 hours'],
    [48 * 3600, '2 days'],
    [13 * 86_400, '13 days'],
    [14 * 86_400, '2 weeks'],
    [60 * 86_400, '2 months'],
    [729 * 86_400, '24 months'],
    [800 * 86_400, '2 years'],
  ];
  for (const [seconds, text] of cases) assert.equal(describeDuration(seconds * 1000), text, String(seconds));
  assert.equal(parseMoment('1h30m', 10_000_000), 10_000_000 - 5_400_000);
  assert.equal(parseMoment('5', 0), 5000);
  assert.equal(parseMoment('2026-01-01T00:00:00Z', 0), Date.parse('2026-01-01'));
  assert.throws(() => parseMoment('soon', 0), { code: 'invalid' });
});

test('names and subnets', () => {
  assert.deepEqual(splitTag('r:5000/a/b'), { repository: 'r:5000/a/b', tag: undefined });
  assert.deepEqual(splitTag('r:5000/a/b:1'), { repository: 'r:5000/a/b', tag: '1' });
  assert.equal(subnetOf('10.88.3.7', 16), '10.88.0.0/16');
  assert.equal(subnetOf('192.168.1.77', 27), '192.168.1.64/27');
});
