import { type Tensor, withGradient } from '../tensor.js';
import { abs, add, erf, exp, log, mul, neg, relu, sigmoid, sub, tanh } from './arithmetic.js';

/** QuickGELU: x · σ(1.702 x), OpenAI CLIP's activation. */
export function quickGelu(x: Tensor): Tensor {
  const gate = sigmoid(mul(x, 1.702));
  const y = mul(x, gate);
  // dy/dx = σ + 1.702 y (1 − σ): five passes over memory, where the traced rule takes eight.
  return withGradient(y, [x], (dy) => [mul(dy, add(gate, mul(mul(y, 1.702), sub(1, gate))))]);
}

/** GELU by its tanh approximation: x · ½ (1 + tanh(√(2/π) (x + 0.044715 x³))) (Hendrycks and Gimpel 2016). */
export function geluTanh(x: Tensor): Tensor {
  const [a, b] = [Math.sqrt(2 / Math.PI), 0.044715];
  const squared = mul(x, x);
  const curve = tanh(mul(mul(x, add(mul(squared, b), 1)), a));
  const gate = mul(add(curve, 1), 0.5);
  return withGradient(mul(x, gate), [x], (dy) => {
    const slope = mul(add(mul(squared, 3 * b), 1), a / 2); // ½ of the derivative inside tanh
    return [mul(dy, add(gate, mul(mul(x, slope), sub(1, mul(curve, curve)))))];
  });
}

/** GELU with the exact Gauss error function: x · Φ(x) (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor): Tensor {
  const phi = mul(add(erf(mul(x, Math.SQRT1_2)), 1), 0.5); // Φ(x)
  const y = mul(x, phi);
  return withGradient(y, [x], (dy) => {
    const density = mul(exp(mul(mul(x, x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
    return [mul(dy, add(phi, mul(x, density)))];
  });
}

/** Softplus: ln(1 + eˣ) = −ln σ(−x), finite for every x. Its derivative is σ(x), which the traced rule gives less exactly. */
export function softplus(x: Tensor): Tensor {
  const y = add(relu(x), log(add(exp(neg(abs(x))), 1)));
  return withGradient(y, [x], (dy) => [mul(dy, sigmoid(x))]);
}
