/** Whether VM entry accepts a guest's segment registers (SDM vol. 3, section 26.3.1.2). */
import { Attribute, descriptorDpl, isCode, isConformingCode, isReadable } from '../x86/descriptors.ts';
import { Flag } from '../x86/flags.ts';
import { CR0, Seg } from '../x86/registers.ts';
import { type CpuState, SegmentField, System } from '../x86/state.ts';

const rpl = (state: CpuState, segment: number): number => state.selector(segment) & 3;
const attributesOf = (state: CpuState, segment: number): number =>
  state.segment(segment, SegmentField.ATTRIBUTES);
const isUsable = (attributes: number): boolean => (attributes & Attribute.PRESENT) !== 0;

/** CS must be accessed code, at the stack's privilege unless it is conforming. */
const acceptsCode = (state: CpuState): boolean => {
  const code = attributesOf(state, Seg.CS);
  const stack = attributesOf(state, Seg.SS);
  if (!isUsable(code) || !isCode(code) || (code & Attribute.ACCESSED) === 0) return false;
  // An unusable stack segment keeps the CPL in its DPL field; here the CPL says it.
  const level = isUsable(stack) ? descriptorDpl(stack) : state.cpl;
  return isConformingCode(code) ? descriptorDpl(code) <= level : descriptorDpl(code) === level;
};
/** SS must be accessed writable data of its selector's privilege, which is that of CS. */
const acceptsStack = (state: CpuState): boolean => {
  const stack = attributesOf(state, Seg.SS);
  if (rpl(state, Seg.SS) !== rpl(state, Seg.CS)) return false;
  if (!isUsable(stack)) return true;
  const wanted = Attribute.SEGMENT | Attribute.WRITABLE | Attribute.ACCESSED;
  return (stack & (wanted | Attribute.CODE)) === wanted && descriptorDpl(stack) === rpl(state, Seg.SS);
};
/** The others must be accessed and readable, and of no higher privilege than their selectors ask for. */
const acceptsData = (state: CpuState, segment: number): boolean => {
  const attributes = attributesOf(state, segment);
  if (!isUsable(attributes)) return true;
  if ((attributes & Attribute.ACCESSED) === 0 || !isReadable(attributes)) return false;
  return isConformingCode(attributes) || descriptorDpl(attributes) >= rpl(state, segment);
};

/**
 * Whether a processor without unrestricted guests could run this state in guest mode. Real mode it cannot, nor
 * what is left of it in the segment registers after CR0.PE was set. LDTR and TR are not looked at: while the
 * guest has loaded none a monitor enters with some of its own.
 */
export const mayEnterGuestMode = (state: CpuState): boolean => {
  if ((state.sys(System.CR0) & CR0.PE) === 0) return false;
  if (state.sys(System.FLAGS) & Flag.VM) return true;
  if (!acceptsCode(state) || !acceptsStack(state)) return false;
  return [Seg.ES, Seg.DS, Seg.FS, Seg.GS].every((segment) => acceptsData(state, segment));
};
