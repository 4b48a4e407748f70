import { describeTensor, requireFloat, requireSameType } from '../dtype.js';
import { broadcastShapes } from '../shape.js';
import { applyOne, constant, type DType, type GradientRule, type Op, type Tensor } from '../tensor.js';
import { unbroadcast } from './broadcasting.js';

/** A tensor, or a number in place of a scalar. */
export type Operand = Tensor | number;

const asTensor = (x: Operand): Tensor => (typeof x === 'number' ? constant(x) : x);

function binary(name: string, onnx: string, rule: (a: Tensor, b: Tensor, dy: Tensor, y: Tensor) => [Tensor, Tensor]) {
  const gradient: GradientRule = (node, [dy]) => {
    const [a, b] = node.inputs as [Tensor, Tensor];
    const [da, db] = rule(a, b, dy!, node.outputs[0]!);
    return [unbroadcast(da, a.shape), unbroadcast(db, b.shape)];
  };
  const op: Op = { name, emit: (e, _, ins, outs) => e.node(onnx, ins, outs), gradient };
  return (left: Operand, right: Operand): Tensor => {
    const [a, b] = [asTensor(left), asTensor(right)];
    requireSameType(name, a, b);
    return applyOne(op, [a, b], broadcastShapes(name, a.shape, b.shape), {}, a.dtype);
  };
}

/** a + b, broadcasting. */
export const add = binary('add', 'Add', (_a, _b, dy) => [dy, dy]);
/** a − b, broadcasting. */
export const sub = binary('sub', 'Sub', (_a, _b, dy) => [dy, neg(dy)]);
/** a · b element by element, broadcasting. */
export const mul = binary('mul', 'Mul', (a, b, dy) => [mul(dy, b), mul(dy, a)]);
/** a / b element by element, broadcasting. */
export const div = binary('div', 'Div', (_a, b, dy, y) => {
  const da = div(dy, b);
  return [da, neg(mul(da, y))];
});
/**
 * The larger of a and b; where they are equal the gradient goes to a.
 *
 * @throws Error for shapes that do not broadcast
 */
export const maximum = (a: Operand, b: Operand): Tensor => choose(a, b, (x, y) => greater(y, x));
/**
 * The smaller of a and b; where they are equal the gradient goes to a.
 *
 * @throws Error for shapes that do not broadcast
 */
export const minimum = (a: Operand, b: Operand): Tensor => choose(a, b, (x, y) => greater(x, y));

function choose(a: Operand, b: Operand, takeB: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const [x, y] = [asTensor(a), asTensor(b)];
  return where(takeB(x, y), y, x);
}

function unary(name: string, onnx: string, rule: (x: Tensor, y: Tensor, dy: Tensor) => Tensor) {
  const op: Op = {
    name,
    emit: (e, _, ins, outs) => e.node(onnx, ins, outs),
    gradient: (node, [dy]) => [rule(node.inputs[0]!, node.outputs[0]!, dy!)],
  };
  return (x: Tensor): Tensor => {
    requireFloat(name, x);
    return applyOne(op, [x], x.shape);
  };
}

/** −x of each element, any shape. */
export const neg = unary('neg', 'Neg', (_x, _y, dy) => neg(dy));
/** eˣ of each element, any shape. */
export const exp = unary('exp', 'Exp', (_x, y, dy) => mul(dy, y));
/** Natural logarithm of each element, any shape. */
export const log = unary('log', 'Log', (x, _y, dy) => div(dy, x));
/** Square root of each element, any shape. */
export const sqrt = unary('sqrt', 'Sqrt', (_x, y, dy) => div(mul(dy, 0.5), y));
/** |x|; the gradient at 0 is taken as that of the positive side. */
export const abs = unary('abs', 'Abs', (x, _y, dy) => where(greater(constant(0), x), neg(dy), dy));
/** 1 / (1 + e⁻ˣ) of each element, any shape. */
export const sigmoid = unary('sigmoid', 'Sigmoid', (_x, y, dy) => mul(dy, mul(y, sub(1, y))));
/** Hyperbolic tangent of each element, any shape. */
export const tanh = unary('tanh', 'Tanh', (_x, y, dy) => mul(dy, sub(1, mul(y, y))));
/** max(x, 0); the gradient at 0 is 0. */
export const relu = unary('relu', 'Relu', (x, _y, dy) => where(greater(x, 0), dy, constant(0)));
/** Gauss error function. */
export const erf = unary('erf', 'Erf', (x, _y, dy) => mul(dy, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))));

/** x². */
export const square = (x: Tensor): Tensor => mul(x, x);

/**
 * x to a constant power.
 *
 * @throws Error where x is not float32
 */
export function pow(x: Tensor, exponent: number): Tensor {
  requireFloat('pow', x);
  return applyOne(powOp, [x, constant(exponent)], x.shape, { exponent });
}
const powOp: Op = {
  name: 'pow',
  emit: (e, _, ins, outs) => e.node('Pow', ins, outs),
  gradient: (node, [dy]) => {
    const p = node.attributes.exponent as number;
    return [mul(dy!, mul(pow(node.inputs[0]!, p - 1), p)), undefined];
  },
};

function comparison(name: string, onnx: string) {
  const op: Op = { name, emit: (e, _, ins, outs) => e.node(onnx, ins, outs), gradient: () => [undefined, undefined] };
  return (left: Operand, right: Operand): Tensor => {
    const [a, b] = [asTensor(left), asTensor(right)];
    requireSameType(name, a, b);
    return applyOne(op, [a, b], broadcastShapes(name, a.shape, b.shape), {}, 'bool');
  };
}

/** a > b, as bool. */
export const greater = comparison('greater', 'Greater');
/** a = b, as bool. */
export const equal = comparison('equal', 'Equal');

const whereOp: Op = {
  name: 'where',
  emit: (e, _, ins, outs) => e.node('Where', ins, outs),
  gradient: (node, [dy]) => {
    const [condition, a, b] = node.inputs as [Tensor, Tensor, Tensor];
    const zero = constant(0);
    return [
      undefined,
      unbroadcast(where(condition, dy!, zero), a.shape),
      unbroadcast(where(condition, zero, dy!), b.shape),
    ];
  },
};

/**
 * a where the condition holds, else b; broadcasting.
 *
 * @throws Error for shapes that do not broadcast, or a condition that is not bool
 */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  const [x, y] = [asTensor(a), asTensor(b)];
  if (condition.dtype !== 'bool') throw new Error(`where: expected a bool condition, got ${describeTensor(condition)}`);
  requireFloat('where', x, y);
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', x.shape, y.shape));
  return applyOne(whereOp, [condition, x, y], shape);
}

const castOp: Op = {
  name: 'cast',
  emit: (e, node, ins, outs) => e.node('Cast', ins, outs, { to: e.elementType(node.outputs[0]!.dtype) }),
  gradient: () => [undefined],
};

/** The same values as another type; no gradient. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : applyOne(castOp, [x], x.shape, {}, dtype);
}
