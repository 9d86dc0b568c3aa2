// Writes src/tokens/tables/unicode_classes.inc: for every code point, to which of the classes in
// the encodings' patterns it belongs, as the regular expression engine inside the npm package
// `tiktoken` says. So the table is of the engine's Unicode version, whatever Node's own is.
//
//   node scripts/tiktoken/unicode_classes.mjs
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const root = new URL('../../', import.meta.url);
const require = createRequire(new URL('.tools/tiktoken/package.json', root));
const { Tiktoken } = require('tiktoken/lite');

const kLimit = 0x110000;
const classes = new Array(kLimit).fill('kOther');
let text = '';
for (let cp = 0; cp < kLimit; cp++) {
  if (cp < 0xd800 || cp > 0xdfff) text += String.fromCodePoint(cp);
}
// Every byte a token of its own: what encodes to anything is what the pattern matches.
const ranks = Array.from({ length: 256 }, (_, b) => Buffer.from([b]).toString('base64'));

function assign(pattern, name) {
  const encoding = new Tiktoken(`! 0 ${ranks.join(' ')}`, {}, pattern);
  const matched = Buffer.from(encoding.encode(text, [], [])).toString('utf8');
  for (const char of matched) {
    const cp = char.codePointAt(0);
    if (classes[cp] !== 'kOther') throw new Error(`${cp.toString(16)}: ${classes[cp]} and ${name}`);
    classes[cp] = name;
  }
  encoding.free();
}

assign('[\\p{Lu}\\p{Lt}]', 'kUpper');
assign('\\p{Ll}', 'kLower');
assign('[\\p{Lm}\\p{Lo}]', 'kLetter');
assign('\\p{M}', 'kMark');
assign('\\p{N}', 'kNumber');
assign('[\\s--[\\r\\n]]', 'kSpace');
assign('[\\r\\n]', 'kNewline');

let out = '// Written by scripts/tiktoken/unicode_classes.mjs. From each code point on, the class.\n';
let last = '';
for (let cp = 0; cp < kLimit; cp++) {
  if (cp >= 0xd800 && cp <= 0xdfff) continue;
  if (classes[cp] === last) continue;
  last = classes[cp];
  out += `{0x${cp.toString(16)}, CharClass::${last}},\n`;
}
const path = new URL('src/tokens/tables/unicode_classes.inc', root).pathname;
writeFileSync(path, out);
console.log(`${out.split('\n').length - 2} ranges`);
