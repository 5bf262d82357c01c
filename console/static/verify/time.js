// Times and the times in ids: format.md, 1.4 and 3.3.
import {need} from './bytes.js';

// instant gives the milliseconds since 1970 of a time.
export function instant(s) {
  const at = Date.parse(s);
  need(at >= 0 && new Date(at).toISOString() === s, `${s} is no instant from 1970 on`);
  return at;
}

const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

// idTime gives the milliseconds since 1970 that an id says.
export function idTime(id) {
  let ms = 0;
  for (const c of id.slice(0, 10)) {
    ms = ms * 32 + crockford.indexOf(c);
  }
  return ms;
}
