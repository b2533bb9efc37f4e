import { describe, expect, it } from 'vitest';
import {
  className,
  EdeCode,
  edeName,
  Opcode,
  opcodeName,
  Rcode,
  rcodeName,
  Type,
  typeName,
} from '../../src/wire/codes.ts';

describe('codes', () => {
  it('names what it knows', () => {
    expect(rcodeName(Rcode.BADVERS)).toBe('BADVERS');
    expect(opcodeName(Opcode.UPDATE)).toBe('UPDATE');
    expect(typeName(Type.HTTPS)).toBe('HTTPS');
    expect(className(3)).toBe('CH');
    expect(edeName(EdeCode.networkError)).toBe('networkError');
  });

  it('writes what it does not know in RFC 3597 form or alike', () => {
    expect(rcodeName(12)).toBe('RCODE12');
    expect(opcodeName(15)).toBe('OPCODE15');
    expect(typeName(65280)).toBe('TYPE65280');
    expect(className(32)).toBe('CLASS32');
    expect(edeName(999)).toBe('EDE999');
  });

  it('gives every number one name', () => {
    for (const table of [Rcode, Opcode, Type, EdeCode]) {
      expect(new Set(Object.values(table)).size).toBe(Object.values(table).length);
    }
  });
});
