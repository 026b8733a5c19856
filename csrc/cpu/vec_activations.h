// tanh, sigmoid and erf lane by lane, for Vec<float> and Vec<double>.
//
// Where the result is small, tanh and erf are x + x·P(x^2): nothing cancels. Beyond, tanh is 1 - 2 / (exp(2x) + 1), and
// erf another polynomial for float; double would need 30 terms and takes 1 - exp(Q(|x|)) with Q = log(erfc), where an
// error of Q counts for less and less. tools/minimax.py makes the polynomials. NaN stays, the infinities give the
// limits, the sign of zero is kept.
//
// Errors stay below 1.6 ulp for tanh, 2.5 for sigmoid, 1.5 for erf (1.75 without FMA): csrc/check/accuracy.cpp.
#pragma once

#include "cpu/vec_math.h"

namespace pe {

template <class T>
struct Activations;

template <>
struct Activations<float> {
  static constexpr float kTanhIsOne = 9.5f, kErfIsOne = 3.92f, kErfMiddle = 2.5f;
  // (tanh(x) / x - 1) / x^2 in x^2 on [0, kTanhSmall^2]
  static constexpr float kTanh[] = {-0x1.55554ap-2f, 0x1.110d26p-3f, -0x1.b9287ap-5f, 0x1.593d08p-6f, -0x1.9b3046p-8f};
  // erf(x) / x - 1 in x^2 on [0, 1]
  static constexpr float kErf[] = {0x1.06eba8p-3f, -0x1.81273ep-2f, 0x1.ce2cf8p-4f, -0x1.b7f90ep-6f,
                                   0x1.5405b2p-8f, -0x1.a3f7p-11f,  0x1.496a32p-14f};
  // erf(x) in x - kErfMiddle on [1, kErfIsOne]
  static constexpr float kErfLarge[] = {0x1.ffcaaap-1f,  0x1.1d7bdcp-9f,   -0x1.64f4bcp-8f, 0x1.11b928p-7f,
                                        -0x1.1a4b3ap-7f, 0x1.8ff452p-8f,   -0x1.717fbap-9f, 0x1.2b523cp-11f,
                                        0x1.2d58eep-12f, -0x1.24c152p-12f, 0x1.01e0b6p-14f, 0x1.61f54cp-16f,
                                        -0x1.2fd78ep-17f};
};

template <>
struct Activations<double> {
  static constexpr double kTanhIsOne = 20.0, kErfIsOne = 6.0;
  static constexpr double kTanh[] = {-0x1.555555555549ep-2,  0x1.111111110295ep-3,  -0x1.ba1ba1ad70755p-5,
                                     0x1.664f45c2b04a6p-6,   -0x1.226ddd44294f4p-7, 0x1.d6c61d4501165p-9,
                                     -0x1.7cf3b9c1e46e7p-10, 0x1.2fa2744c2fda6p-11, -0x1.b9093d89eb2afp-13,
                                     0x1.abffc9b5688d0p-15};
  // erf(x) / x - 1 in x^2 on [0, 1]
  static constexpr double kErf[] = {0x1.06eba8214db68p-3,   -0x1.812746b0379bdp-2,  0x1.ce2f21a040d16p-4,
                                    -0x1.b82ce311fa93ep-6,  0x1.565bccf92b2f9p-8,   -0x1.c02db03dd71d5p-11,
                                    0x1.f9a2baa8fedd7p-14,  -0x1.f4ca4d6f3e355p-17, 0x1.b97fd3d992bdap-20,
                                    -0x1.5c0726f04ec98p-23, 0x1.d71b0f1b17291p-27,  -0x1.abae491c56eccp-31};
  // log(erfc(x)) on [1, 6]
  static constexpr double kLogErfc[] = {-0x1.0defd4d3fe255p-21, -0x1.20dd1fd62fd1bp0,   -0x1.45f6273f736e2p-1,
                                        -0x1.a4ac5e628c9bep-4,  0x1.3722a2db9eb41p-6,   0x1.ae8e530c8846fp-12,
                                        -0x1.f63f852113d7cp-10, 0x1.9407ecd4f5b97p-11,  -0x1.1b336301e9ccp-13,
                                        -0x1.54198d1dba264p-16, 0x1.7eee2261b3276p-16,  -0x1.22d773fc09bc7p-17,
                                        0x1.1eaa29f9109b9p-19,  -0x1.90dbb254358eap-22, 0x1.8ecc58b567962p-25,
                                        -0x1.0e618c54eb432p-28, 0x1.c1bab06be912ep-33,  -0x1.5ada1a2d3f366p-38};
};

// |x|, but at most `bound`; a NaN stays.
template <class T>
inline Vec<T> bounded_size(Vec<T> x, T bound) {
  const Vec<T> size = absolute<T>(x);
  return select(size > bound, splat(bound), size);
}

inline constexpr double kTanhSmall = 0.55;  // up to here the polynomial: tanh is 0.5

template <class T>
inline Vec<T> tanh_lanes(Vec<T> x) {
  using C = Activations<T>;
  const Vec<T> size = absolute<T>(x), square = x * x;
  const Vec<T> small = size * (square * polynomial<T>(square, C::kTanh)) + size;
  const Vec<T> large = T(1) - T(2) / (exp_flushed_lanes<T>(bounded_size<T>(x, C::kTanhIsOne) * T(2)) + T(1));
  return with_sign<T>(select(size < T(kTanhSmall), small, large), x);
}

// 1 / (1 + exp(-x)) for x >= 0, exp(x) / (1 + exp(x)) below
template <class T>
inline Vec<T> sigmoid_lanes(Vec<T> x) {
  const Vec<T> e = exp_lanes<T, true>(-absolute<T>(x));
  return select(x < T(0), e, splat(T(1))) / (e + T(1));
}

// erf from 1 to kErfIsOne.
inline Vec<float> large_erf(Vec<float> x) {
  return polynomial<float>(x - Activations<float>::kErfMiddle, Activations<float>::kErfLarge);
}
inline Vec<double> large_erf(Vec<double> x) {
  return 1 - exp_lanes<double, true>(polynomial<double>(x, Activations<double>::kLogErfc));
}

template <class T>
inline Vec<T> erf_lanes(Vec<T> x) {
  using C = Activations<T>;
  const Vec<T> size = absolute<T>(x);
  const Vec<T> small = size * polynomial<T>(size * size, C::kErf) + size;
  const Vec<T> large = select(size > C::kErfIsOne, splat(T(1)), large_erf(size));
  return with_sign<T>(select(size < T(1), small, large), x);
}

namespace math {

inline Vec<float> tanh(Vec<float> x) { return tanh_lanes<float>(x); }
inline Vec<double> tanh(Vec<double> x) { return tanh_lanes<double>(x); }
inline Vec<float> sigmoid(Vec<float> x) { return sigmoid_lanes<float>(x); }
inline Vec<double> sigmoid(Vec<double> x) { return sigmoid_lanes<double>(x); }
inline Vec<float> erf(Vec<float> x) { return erf_lanes<float>(x); }
inline Vec<double> erf(Vec<double> x) { return erf_lanes<double>(x); }

}  // namespace math

}  // namespace pe
