/** Cases the fuzzer has found, as text (`case.ts`): all ways to run one must leave the same. */
export interface KnownCase {
  readonly name: string;
  readonly text: string;
}

export const cases: readonly KnownCase[] = [
  {
    name: 'an instruction that crosses from RAM into a hole',
    text: 'mode=p32 cpl=3 budget=36 fill=ebb9 at=1ffff efl=2216 code=b910000000',
  },
  {
    name: 'an instruction that lies in a hole',
    text: 'mode=p32 cpl=3 budget=36 at=9fff8 efl=2216 code=b910000000.0f32.b976010000.b806000000.e9e3ffffff',
  },
  {
    name: 'a page of code that loses its user bit while it runs',
    text: 'mode=p32 paging=legacy cpl=3 budget=2 code=c7054c400000e1380100',
  },
  {
    name: 'an x87 memory operand at offset 0',
    text: 'mode=p32 paging=legacy cpl=3 budget=1 code=db000000',
  },
  {
    name: 'a code breakpoint on the second page of an instruction',
    text: 'mode=p32 budget=20 at=13ffe dr0=1401e dr7=401 code=b872050000',
  },
  {
    name: 'code on two pages that changes itself every time',
    text: 'mode=p32 at=13ff6 budget=40 code=fe0500400100.b800000000.e9f0ffffff',
  },
  {
    name: 'the last byte of what is too long for an instruction changes',
    text: 'mode=v86 paging=legacy cpl=3 budget=20 fill=9f8e at=13fe5 deliver=1 eax=9714 code=01060540.b80001.f36667f33667663ef2f3f390.2665f2666666f226673e2e6664a4.dcff',
  },
  {
    name: 'a handler whose first instruction faults, on a stack that never ends',
    text: 'mode=p32 deliver=1 budget=20 esp=80000000 mem=9030:00300800008e0100 code=0f0b',
  },
  {
    name: 'the selector of an x87 instruction in a compressed ring',
    text: 'mode=p32 paging=legacy budget=1 code=d9ee',
  },
];
