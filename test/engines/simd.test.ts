/** When vector instructions fault, and what they leave; on the machine that runs vectors. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { compare } from '../vectors/compare.ts';
import { exceptionFor } from '../vectors/exceptions.ts';
import { Harness, type Outcome } from '../vectors/harness.ts';
import { parseVectors } from '../vectors/vector.ts';

const [UD, NM, GP, PF, MF, XM] = [6, 7, 13, 14, 16, 19];
const CR0 = 0x80050033;
const [EM, TS] = [4, 8];
/** OSFXSR and OSXMMEXCPT. */
const CR4 = 0x600;
const DATA = 0x118000;
const hexOf = (n: number): string => n.toString(16);

let harness: Harness;
beforeAll(async () => {
  harness = await Harness.create(inject('engine'));
});

const run = (code: string, request: Readonly<Record<string, string>> = {}, on = harness): Outcome =>
  on.run({ request: new Map(Object.entries({ code, ...request })), answer: new Map() });
const vectorOf = (code: string, request: Readonly<Record<string, string>> = {}, on = harness): number =>
  run(code, request, on).vector;
/** An unmasked x87 exception is pending: IE with its mask clear. */
const PENDING = { fpu: '037e:0001:00' };

const MMX = [
  ['paddb mm0, mm1', '0ffcc1'],
  ['movq [esi], mm0', '0f7f06'],
  ['movd eax, mm0', '0f7ec0'],
  ['emms', '0f77'],
  ['pshufw mm0, mm1, 1', '0f70c101'],
] as const;
const SSE = [
  ['addps xmm0, xmm1', '0f58c1'],
  ['movaps xmm0, [esi]', '0f2806'],
  ['paddb xmm0, xmm1', '660ffcc1'],
  ['movq [esi], xmm0', '660fd606'],
  ['ldmxcsr [esi]', '0fae16'],
  ['stmxcsr [esi]', '0fae1e'],
  ['lddqu xmm0, [esi]', 'f20ff006'],
] as const;
const BOTH = [
  ['cvtps2pi mm0, xmm1', '0f2dc1'],
  ['cvtpi2ps xmm0, mm1', '0f2ac1'],
  ['movq2dq xmm0, mm1', 'f30fd6c1'],
  ['movdq2q mm0, xmm1', 'f20fd6c1'],
] as const;
const NEITHER = [
  ['movnti [esi], eax', '0fc306'],
  ['sfence', '0faef8'],
  ['lfence', '0faee8'],
  ['mfence', '0faef0'],
  ['prefetchnta [esi]', '0f1806'],
  ['clflush [esi]', '0fae3e'],
  ['pause', 'f390'],
] as const;
const at = { esi: hexOf(DATA) };

describe('what must be enabled', () => {
  test.each(MMX)('%s', (_name, code) => {
    expect(vectorOf(code, { ...at, cr4: '0' })).toBe(GP);
    expect(vectorOf(code, { ...at, ...PENDING })).toBe(MF);
    expect(vectorOf(code, { ...at, ...PENDING, cr0: hexOf(CR0 | TS) })).toBe(NM);
    expect(vectorOf(code, { ...at, ...PENDING, cr0: hexOf(CR0 | TS | EM) })).toBe(UD);
  });
  test.each(SSE)('%s', (_name, code) => {
    expect(vectorOf(code, { ...at, ...PENDING })).toBe(GP);
    expect(vectorOf(code, { ...at, cr0: hexOf(CR0 | TS) })).toBe(NM);
    expect(vectorOf(code, { ...at, cr0: hexOf(CR0 | TS | EM) })).toBe(UD);
    expect(vectorOf(code, { ...at, cr0: hexOf(CR0 | TS), cr4: '0' })).toBe(UD);
  });
  test.each(BOTH)('%s', (_name, code) => {
    expect(vectorOf(code, PENDING)).toBe(MF);
    expect(vectorOf(code, { ...PENDING, cr0: hexOf(CR0 | TS) })).toBe(NM);
    expect(vectorOf(code, { ...PENDING, cr0: hexOf(CR0 | TS), cr4: '0' })).toBe(UD);
  });
  test.each(NEITHER)('%s', (_name, code) => {
    expect(vectorOf(code, { ...at, ...PENDING, cr0: hexOf(CR0 | TS | EM), cr4: '0' })).toBe(GP);
  });
  test('a conversion from memory touches no MMX register', () => {
    expect(vectorOf('0f2a06', { ...at, ...PENDING })).toBe(GP);
  });
  test('an end by HLT is not mistaken for an alignment fault', () => {
    expect(run('0ffcc1').registers.eip).toBe(0x110003);
  });
});

describe('which instructions a model has', () => {
  const added = [
    ['pentium', '0ffcc1'],
    ['pentium', '0fc70e'],
    ['pentium2', '0f44c1'],
    ['pentium2', 'dac1'],
    ['pentium2', 'dbf1'],
    ['pentium2', '0fae06'],
    ['pentium3', '0f58c1'],
    ['pentium3', '0f70c101'],
    ['pentium4', '660ffcc1'],
    ['pentium4', '0fd4c1'],
    ['pentium4', 'f20f12c1'],
    ['pentium4', 'db0e'],
    ['pentium4', '0faee8'],
  ] as const;
  const models = ['486', 'pentium', 'pentium2', 'pentium3', 'pentium4'] as const;
  test.each(models)('%s', async (model) => {
    const machine = await Harness.create(inject('engine'), undefined, model);
    for (const [first, code] of added) {
      const exists = models.indexOf(model) >= models.indexOf(first);
      expect(vectorOf(code, at, machine) !== UD, code).toBe(exists);
    }
  });
});

describe('memory operands', () => {
  const notPresent = { prot: '119000:n' };
  test.each([
    ['movaps xmm0, [esi]', '0f2806'],
    ['movaps [esi], xmm0', '0f2906'],
    ['addps xmm0, [esi]', '0f5806'],
    ['paddb xmm0, [esi]', '660ffc06'],
    ['movntdq [esi], xmm0', '660fe706'],
    ['cvtpd2pi mm0, [esi]', '660f2d06'],
  ])('%s must be aligned', (_name, code) => {
    const { vector, error, registers } = run(code, { esi: hexOf(DATA + 8) });
    expect([vector, error, registers.eip]).toEqual([GP, 0, 0x110000]);
    expect(run(code, at).registers.eip).toBe(0x110000 + code.length / 2);
    // Before the page is looked at.
    expect(vectorOf(code, { esi: '119004', ...notPresent })).toBe(GP);
  });
  test.each([
    ['movups xmm0, [esi]', '0f1006'],
    ['movdqu xmm0, [esi]', 'f30f6f06'],
    ['lddqu xmm0, [esi]', 'f20ff006'],
    ['paddb mm0, [esi]', '0ffc06'],
    ['movhps xmm0, [esi]', '0f1606'],
    ['addsd xmm0, [esi]', 'f20f5806'],
  ])('%s need not be aligned, and may fault on its second page', (_name, code) => {
    expect(run(code, { esi: hexOf(DATA + 3) }).registers.eip).toBe(0x110000 + code.length / 2);
    const { vector, error, cr2 } = run(code, { esi: '118ffd', ...notPresent });
    expect([vector, error, cr2]).toEqual([PF, 4, 0x119000]);
  });
  test.each([
    ['movups [esi], xmm1', '0f110e'],
    ['movq [esi], mm1', '0f7f0e'],
    ['movlps [esi], xmm1', '0f130e'],
    ['movss [esi], xmm1', 'f30f110e'],
    ['maskmovdqu xmm1, xmm1', '660ff7c9'],
  ])('%s writes all or nothing', (_name, code) => {
    const xmm = [1, 2, 3].map((i) => hexOf(0x80 | i).repeat(16)).join(':');
    const fpu = `037f:0000:ff:${'00'.repeat(10)}:${'82'.repeat(8)}ffff`;
    const request = { esi: '118ffd', edi: '118ffd', xmm, fpu };
    const faulted = run(code, { ...request, ...notPresent });
    expect([faulted.vector, faulted.cr2, faulted.memory.size]).toEqual([PF, 0x119000, 0]);
    expect(faulted.error).toBe(6);
    const written = run(code, request);
    expect(written.vector).toBe(GP);
    expect([...written.memory.keys()][0]).toBe(0x118ffd);
    expect(new Set(written.memory.values())).toEqual(new Set([0x82]));
  });
  test('an MMX instruction that faults leaves the x87 state alone', () => {
    const { fpu } = run('0ffc06', { esi: '119000', fpu: '037f:1800:00', ...notPresent });
    expect(fpu.slice(0, 12)).toBe('037f:1800:00');
  });
});

describe('exceptions of floating-point arithmetic', () => {
  const one = '0000803f';
  const divide = { xmm: [`${one.repeat(4)}`, '00'.repeat(16)].join(':') };
  test('unmasked: #XM, with the flag and nothing else', () => {
    const { vector, mxcsr, xmm, registers } = run('0f5ec1', { ...divide, mxcsr: '1d80' });
    expect([vector, mxcsr, registers.eip]).toEqual([XM, 0x1d84, 0x110000]);
    expect(xmm.slice(0, 32)).toBe(one.repeat(4));
  });
  test('unmasked without CR4.OSXMMEXCPT: #UD', () => {
    expect(vectorOf('0f5ec1', { ...divide, mxcsr: '1d80', cr4: hexOf(CR4 & 0x200) })).toBe(UD);
  });
  test('LDMXCSR refuses reserved bits', () => {
    const load = (bytes: string) => run('0fae16', { ...at, mem: `118000:${bytes}` });
    expect([load('00000100').vector, load('00000100').registers.eip]).toEqual([GP, 0x110000]);
    expect(load('bfff0000').mxcsr).toBe(0xffbf);
  });
});

describe('FXSAVE and FXRSTOR', () => {
  const xmm = Array.from({ length: 8 }, (_, i) => hexOf(0xa0 + i).repeat(16)).join(':');
  const saved = (cr4: number) => run('0fae06', { ...at, xmm, mxcsr: '1f9f', cr4: hexOf(cr4) }).memory;
  test('save the XMM registers with CR4.OSFXSR', () => {
    expect(saved(CR4).get(DATA + 160)).toBe(0xa0);
    expect(saved(CR4).get(DATA + 160 + 127)).toBe(0xa7);
    expect(saved(0).get(DATA + 160)).toBeUndefined();
    expect(saved(0).get(DATA + 24)).toBe(0x9f);
  });
  test('restore what was saved', () => {
    // FXSAVE [esi]; PXOR xmm0, xmm0; FXRSTOR [esi]
    expect(run('0fae06660fefc00fae0e', { ...at, xmm }).xmm).toBe(xmm);
  });
  test('must be aligned', () => {
    expect(run('0fae06', { esi: hexOf(DATA + 8) }).registers.eip).toBe(0x110000);
  });
});

const sample = parseVectors(
  gunzipSync(readFileSync(join(import.meta.dirname, '../vectors/sample/sse.txt.gz'))).toString('utf8'),
);
describe('16-bit code', () => {
  test('has the same instructions', () => {
    const wrong: string[] = [];
    let run = 0;
    for (const vector of sample) {
      // Register forms, but for masked stores: an address would be another one.
      const [, modrm] = /^(?:66|f2|f3)?0f(?!f7)..(..)/.exec(vector.request.get('code')!) ?? [];
      if (exceptionFor(vector) || Number.parseInt(modrm ?? '0', 16) < 0xc0) continue;
      run++;
      const request = new Map([...vector.request, ['ldt', '2:0:fffff:12'], ['cs', '17']]);
      const answer = new Map([...vector.answer, ['cs', '17']]);
      const found = compare({ request, answer }, harness.run({ request, answer }));
      if (found.length) wrong.push(`${request.get('id')} ${request.get('code')}: ${found[0]}`);
    }
    expect(wrong).toEqual([]);
    expect(run).toBeGreaterThan(400);
  });
});

describe('segmented addresses', () => {
  test('do not change what the recorded vectors do', () => {
    const wrong: string[] = [];
    for (const vector of sample) {
      if (exceptionFor(vector)) continue;
      // DS with a limit: its block is not flat.
      const request = new Map([...vector.request, ['ldt', '1:0:ffffe:18'], ['ds', 'f']]);
      const found = compare(
        { request, answer: vector.answer },
        harness.run({ request, answer: vector.answer }),
      );
      if (found.length) wrong.push(`${request.get('id')} ${request.get('code')}: ${found[0]}`);
    }
    expect(wrong).toEqual([]);
  });
  test('are checked against the limit', () => {
    const segment = { ldt: '1:118000:1f:8', ds: 'f' };
    expect(run('0f2806', { ...segment, esi: '10' }).registers.eip).toBe(0x110003);
    expect(run('0f2806', { ...segment, esi: '20' }).registers.eip).toBe(0x110000);
    expect(run('0f1006', { ...segment, esi: '11' }).registers.eip).toBe(0x110000);
    expect(run('660fd606', { ...segment, esi: '18' }).registers.eip).toBe(0x110004);
  });
});
