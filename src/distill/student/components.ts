import { EigenvalueDecomposition, type Matrix } from 'ml-matrix';

/** Of a symmetric matrix [D, D], the eigenvectors of the largest eigenvalues as columns, [D, count]. */
export function components(symmetric: Matrix, count: number): Matrix {
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(symmetric, { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  return eigenvectorMatrix.subMatrixColumn(order.slice(0, count));
}
