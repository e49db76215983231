/** The reference engine: the same records, executed by computing each body on plain numbers. */
import { handlerOf, Special } from '../instructions/handlers.ts';
import { RECORD_SIZE, RecordOffset } from '../instructions/record.ts';
import { jumpCacheEntry } from '../memory/jump-cache.ts';
import { JumpCacheField, PAGE_SIZE, TLB_EXECUTE_OFFSET } from '../memory/layout.ts';
import type { PhysicalMemory } from '../memory/physical.ts';
import { Seg } from '../x86/registers.ts';
import {
  HISTORY_LENGTH,
  HISTORY_STEP,
  SegmentField,
  State,
  SystemBase,
  segmentAddress,
} from '../x86/state.ts';
import type { Engine, EngineHost } from './engine.ts';
import { Exit } from './exits.ts';
import { Stepper } from './stepper.ts';

const CS_BASE = segmentAddress(SystemBase.PHYSICAL, Seg.CS) + SegmentField.BASE;

export const createReferenceEngine = (memory: PhysicalMemory, host: EngineHost): Engine => {
  const stepper = new Stepper(memory, host);
  const { words, bytes, view } = memory;
  const get = (address: number) => words[address >> 2]!;
  const set = (address: number, v: number) => {
    words[address >> 2] = v;
  };
  const executeWord = (linear: number) => get(get(State.TLB) + TLB_EXECUTE_OFFSET + (linear >>> 12) * 4);
  const remaining = (record: number) => bytes[record + RecordOffset.REMAINING]!;
  /** Adds to the executions of the instructions from a record on, where they are counted. */
  const countExecutions = (record: number, change: 1 | -1) => {
    if (memory.profileBase === 0) return;
    const at = get(State.PROFILE) + (record >>> 2);
    view.setBigInt64(at, view.getBigInt64(at, true) + BigInt(change), true);
  };

  /** Follows a direct exit. @returns the linked block's record, or 0 with the slot noted */
  const follow = (record: number, target: number): number => {
    const link = record + (target === 0 ? RecordOffset.LINK0 : RecordOffset.LINK1);
    const next = view.getUint32(link, true);
    const proof = view.getInt32(link + 4, true);
    if (next !== 0 && proof === 0) return next;
    const offset = record + (target === 0 ? RecordOffset.TARGET0 : RecordOffset.TARGET1);
    const eip = get(State.EIP_PAGE) + view.getInt32(offset, true);
    if (next === 0 || ((executeWord(eip) + eip) | 0) !== proof) {
      set(State.LINK_SLOT, target);
      return 0;
    }
    set(State.EIP_PAGE, eip & -PAGE_SIZE);
    return next;
  };

  /** Looks up the block at State.EIP. @returns its record, or 0 */
  const lookup = (): number => {
    const eip = get(State.EIP);
    const linear = (eip + get(CS_BASE)) | 0;
    const word = executeWord(linear);
    if (word === 0) return 0;
    const address = (word + linear) | 0;
    const entry = jumpCacheEntry(address);
    if (get(entry + JumpCacheField.ADDRESS) !== address) return 0;
    if (get(entry + JumpCacheField.MODE) !== get(State.MODE)) return 0;
    set(State.LOOKUP_HITS, get(State.LOOKUP_HITS) + 1);
    set(State.EIP_PAGE, eip - (linear & (PAGE_SIZE - 1)));
    return get(entry + JumpCacheField.RECORD);
  };

  /** Whether the page behind a block that crosses into it is the one that was translated. */
  const guardHolds = (record: number): boolean => {
    const linear = (get(CS_BASE) + get(State.EIP_PAGE) + PAGE_SIZE) | 0;
    const word = executeWord(linear);
    return word !== 0 && ((word + linear) | 0) === view.getInt32(record + RecordOffset.IMMEDIATE, true);
  };

  return {
    name: 'reference',
    run(first) {
      let record = first;
      const leave = (exit: Exit): Exit => {
        set(State.RECORD, record);
        return exit;
      };
      for (;;) {
        set(State.BLOCKS, get(State.BLOCKS) + HISTORY_STEP);
        set(State.HISTORY + (get(State.BLOCKS) & (HISTORY_LENGTH * HISTORY_STEP - 1)), record);
        set(State.BUDGET, get(State.BUDGET) - remaining(record));
        countExecutions(record, 1);
        if (get(State.BUDGET) < 0) return leave(Exit.BUDGET);
        let next = 0;
        while (next === 0) {
          const number = view.getUint16(record + RecordOffset.HANDLER, true);
          if (number === Special.STALE) return leave(Exit.STALE);
          if (number === Special.GUARD) {
            if (guardHolds(record)) {
              record += RECORD_SIZE;
              continue;
            }
            set(State.BUDGET, get(State.BUDGET) + remaining(record));
            countExecutions(record, -1);
            set(State.EIP, get(State.EIP_PAGE) + view.getUint16(record + RecordOffset.PAGE_OFFSET, true));
            return leave(Exit.MISS);
          }
          const exit = stepper.step(record, handlerOf(number)!);
          if (exit === Exit.NEXT && stepper.target >= 0) {
            next = follow(record, stepper.target);
            if (next === 0) return leave(Exit.LINK);
          } else if (exit === Exit.NEXT) record += RECORD_SIZE;
          else if (exit === Exit.ENTER) {
            next = lookup();
            if (next === 0) return leave(Exit.MISS);
          } else if (exit === Exit.REPEAT) {
            set(State.BUDGET, get(State.BUDGET) - 1);
            countExecutions(record, 1);
            countExecutions(record + RECORD_SIZE, -1);
            if (get(State.BUDGET) < 0) return leave(Exit.REPEAT);
          } else return leave(exit);
        }
        record = next;
      }
    },
  };
};
