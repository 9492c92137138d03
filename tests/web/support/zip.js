// Zip archives for the tests, with their files as they are (method 0 of PKWARE's APPNOTE.TXT).

import { crc32 } from "node:zlib";

/**
 * Returns the archive of files, by their paths in it.
 *
 * @param {Record<string, string>} files
 */
export function makeZip(files) {
  const [locals, centrals] = [/** @type {Buffer[]} */ ([]), /** @type {Buffer[]} */ ([])];
  let offset = 0;
  for (const [path, text] of Object.entries(files)) {
    const [name, data] = [Buffer.from(path), Buffer.from(text)];
    // Version 2.0, names in UTF-8, stored, without a time.
    const shared = Buffer.alloc(26);
    [20, 0x0800, 0, 0, 0x21].forEach((value, index) => shared.writeUInt16LE(value, index * 2));
    shared.writeUInt32LE(crc32(data), 10);
    shared.writeUInt32LE(data.length, 14);
    shared.writeUInt32LE(data.length, 18);
    shared.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), shared, name, data]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    centrals.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\0"), shared, rest, name]));
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(centrals.length, 4);
  end.writeUInt16LE(centrals.length, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...locals, central, Buffer.from("PK\x05\x06"), end]);
}
