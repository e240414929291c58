import Firefinch
import FirefinchTestSupport
import Testing

@Suite struct ReductionTests {
  @Test func reductionsAreAsInPyTorch() throws {
    var cases = GoldenCases()
    addReductions(&cases)
    addScans(&cases)
    addOrderStatistics(&cases)
    let failures = try cases.failures("reductions.json")
    #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
  }

  private func addReductions(_ c: inout GoldenCases) {
    for name in ["prod", "prod_zero_all", "prod_zero_single", "prod_int", "prod_empty_all", "prod_scalar"] {
      c.add(name) { $0[0].prod() }
    }
    for name in ["prod_dim", "prod_zero_one", "prod_bool", "prod_nan"] { c.add(name) { $0[0].prod(dim: 1) } }
    c.add("prod_keep") { $0[0].prod(dim: -1, keepDim: true) }
    c.add("prod_dtype") { $0[0].prod(dim: 0, dtype: .float64) }
    c.add("prod_empty") { $0[0].prod(dim: 0) }

    for name in ["var", "var_large_mean"] { c.add(name) { $0[0].var() } }
    for name in ["var_dim", "var_one", "var_half"] { c.add(name) { $0[0].var(dim: 1) } }
    c.add("var_dims") { $0[0].var(dim: [0, -1], correction: 0, keepDim: true) }
    c.add("var_correction") { $0[0].var(dim: -1, correction: 2) }
    c.add("var_one_biased") { $0[0].var(dim: 1, correction: 0) }
    c.add("var_empty") { $0[0].var(dim: 0) }
    c.add("std") { $0[0].std() }
    c.add("std_dim") { $0[0].std(dim: 1, keepDim: true) }
    c.add("std_zero") { $0[0].std(dim: 1) }
    c.add("std_float") { $0[0].std(dim: 0) }
    c.addMany("var_mean") {
      let (v, m) = $0[0].varMean(dim: [1]); return [v, m]
    }
    c.addMany("std_mean") {
      let (s, m) = $0[0].stdMean(dim: [0, 1], correction: 0, keepDim: true); return [s, m]
    }
    c.add("cov") { $0[0].cov() }
    c.add("corrcoef") { $0[0].corrcoef() }

    let orders: [(String, Double)] = [
      ("0", 0), ("1", 1), ("2", 2), ("3", 3), ("2.5", 2.5), ("1.5", 1.5), ("0.5", 0.5), ("-1", -1), ("inf", .infinity),
      ("-inf", -.infinity),
    ]
    for (name, p) in orders {
      c.add("norm_\(name)") { $0[0].vectorNorm(p) }
      c.add("norm_dim_\(name)") { $0[0].vectorNorm(p, dim: [1], keepDim: true) }
      if p.magnitude == 1 || p.isInfinite { c.add("matrix_norm_\(name)") { $0[0].matrixNorm(p) } }
    }
    c.add("norm_zero") { $0[0].norm(dim: 1) }
    c.add("norm_zero_3") { $0[0].norm(3, dim: 1) }
    c.add("norm_zero_1") { $0[0].norm(1, dim: 1) }
    c.add("norm_zero_15") { $0[0].norm(1.5, dim: 1) }
    c.add("norm_inf_ties") { $0[0].norm(Double.infinity, dim: 1) }
    c.add("norm_dims") { $0[0].norm(dim: [0, 2]) }
    for name in ["norm_float", "norm_scalar"] { c.add(name) { $0[0].norm() } }
    c.add("norm_dtype") { $0[0].norm(dtype: .float64) }
    c.add("norm_empty") { $0[0].norm(dim: 0) }
    c.add("norm_half") { $0[0].norm(dim: 1) }
    c.add("frobenius") { $0[0].frobeniusNorm(dim: [1, 2]) }
    c.add("dist") { $0[0].dist($0[1], p: 3) }
    c.add("renorm") { $0[0].renorm(2, dim: 0, maxNorm: 1) }

    for name in ["", "_infinite", "_minus", "_int", "_nan"] { c.add("logsumexp" + name) { $0[0].logsumexp(dim: 1) } }
    c.add("logsumexp_dims") { $0[0].logsumexp(dim: [0, 2], keepDim: true) }
    for name in ["logsumexp_large", "logsumexp_empty"] { c.add(name) { $0[0].logsumexp(dim: 0) } }

    for name in ["nansum", "nansum_int"] { c.add(name) { $0[0].nansum() } }
    c.add("nansum_dim") { $0[0].nansum(dim: [1], keepDim: true) }
    c.add("nanmean") { $0[0].nanmean(dim: [1]) }
    c.addMany("aminmax") {
      let (low, high) = $0[0].aminmax(); return [low, high]
    }
    c.addMany("aminmax_dim") {
      let (low, high) = $0[0].aminmax(dim: 1, keepDim: true); return [low, high]
    }
    c.addMany("argmax_ties") { [$0[0].argmax(dim: 1), $0[0].argmin(dim: 1), $0[0].argmax()] }
    c.addMany("max_dim") {
      let (v, i) = $0[0].max(dim: 1); return [v, i]
    }
    c.add("sum_int") { $0[0].sum() }
    c.add("sum_bool") { $0[0].sum(dim: 0) }
    c.addMany("sum_empty") { [$0[0].sum(dim: 0), $0[0].sum(), $0[0].sum(dim: 1, keepDim: true)] }
    c.add("mean_empty") { $0[0].mean(dim: 0) }
  }

  private func addScans(_ c: inout GoldenCases) {
    for d in [0, 1, -1] {
      c.add("cumsum_\(d)") { $0[0].cumsum(dim: d) }
      c.add("cumprod_\(d)") { $0[0].cumprod(dim: d) }
      c.add("logcumsumexp_\(d)") { $0[0].logcumsumexp(dim: d) }
      c.addMany("cummax_\(d)") {
        let (v, i) = $0[0].cummax(dim: d); return [v, i]
      }
      c.addMany("cummin_\(d)") {
        let (v, i) = $0[0].cummin(dim: d); return [v, i]
      }
    }
    for name in ["cumsum_int", "cumsum_bool", "cumsum_empty", "cumsum_half"] { c.add(name) { $0[0].cumsum(dim: 1) } }
    for name in ["cumsum_float", "cumsum_scalar"] { c.add(name) { $0[0].cumsum(dim: 0) } }
    c.add("cumsum_dtype") { $0[0].cumsum(dim: 0, dtype: .float64) }
    c.add("cumprod_zeros") { $0[0].cumprod(dim: 1) }
    for name in ["cumprod_zeros_0", "cumprod_int"] { c.add(name) { $0[0].cumprod(dim: 0) } }
    for name in ["cummax_ties", "cummax_nan"] {
      c.addMany(name) {
        let (v, i) = $0[0].cummax(dim: 1); return [v, i]
      }
    }
    for name in ["cummin_ties", "cummin_int"] {
      c.addMany(name) {
        let (v, i) = $0[0].cummin(dim: 1); return [v, i]
      }
    }
    c.add("logcumsumexp_infinite") { $0[0].logcumsumexp(dim: 1) }
    for name in ["large", "minus"] { c.add("logcumsumexp_" + name) { $0[0].logcumsumexp(dim: 0) } }
    c.add("diff") { $0[0].diff() }
    c.add("diff_2") { $0[0].diff(2, dim: 1) }
    c.add("diff_prepend") { $0[0].diff(dim: 0, prepend: $0[1]) }
    c.add("trapezoid") { $0[0].trapezoid(dx: 0.5) }
  }

  private func addOrderStatistics(_ c: inout GoldenCases) {
    for name in ["", "_ties", "_nan_all", "_empty"] { c.add("median" + name) { $0[0].median() } }
    for name in ["dim", "nan", "int"] {
      c.addMany("median_" + name) {
        let (v, i) = $0[0].median(dim: 1); return [v, i]
      }
    }
    c.addMany("median_keep") {
      let (v, i) = $0[0].median(dim: 0, keepDim: true); return [v, i]
    }
    c.add("nanmedian") { $0[0].nanmedian() }
    c.addMany("nanmedian_dim") {
      let (v, i) = $0[0].nanmedian(dim: 1); return [v, i]
    }
    c.add("nanmedian_all_nan") { $0[0].nanmedian(dim: 0).values }
    c.add("mode") { $0[0].mode(dim: 1).values }
    c.addMany("mode_int") {
      let (v, i) = $0[0].mode(); return [v, i]
    }
    c.add("mode_keep") { $0[0].mode(dim: 0, keepDim: true).values }
    c.addMany("kthvalue") {
      let (v, i) = $0[0].kthvalue(2); return [v, i]
    }
    c.addMany("kthvalue_dim") {
      let (v, i) = $0[0].kthvalue(3, dim: 0, keepDim: true); return [v, i]
    }
    c.addMany("kthvalue_nan") {
      let (v, i) = $0[0].kthvalue(3, dim: 1); return [v, i]
    }
    c.addMany("kthvalue_scalar") {
      let (v, i) = $0[0].kthvalue(1); return [v, i]
    }
    let q = Tensor([0, 0.1, 0.25, 0.5, 0.77, 1], dtype: .float64)
    c.add("quantile_all") { $0[0].quantile(0.3) }
    c.add("quantile_list") { $0[0].quantile(q) }
    c.add("quantile_dim") { $0[0].quantile(q, dim: 1) }
    c.add("quantile_last") { $0[0].quantile(q, dim: -1, keepDim: true) }
    c.add("quantile_first") { $0[0].quantile(0.6, dim: 0, keepDim: true) }
    c.add("quantile_keep_all") { $0[0].quantile(q, keepDim: true) }
    for how in [QuantileInterpolation.lower, .higher, .nearest, .midpoint] {
      c.add("quantile_\(how.rawValue)") { $0[0].quantile(q, dim: 1, interpolation: how) }
    }
    c.add("quantile_nan") { $0[0].quantile(0.5, dim: 1) }
    c.add("nanquantile") { $0[0].nanquantile(q, dim: 1) }
    c.add("quantile_float") { $0[0].quantile(0.35) }
  }

  @Test func scansDoNotDependOnTheThreadCount() {
    let x = withSeed(1) { Tensor.randn([37, 501, 3]) }
    let before = Parallel.threadCount
    defer { Parallel.threadCount = before }
    var runs: [[Float]] = []
    for threads in [1, 2, 7] {
      Parallel.threadCount = threads
      let results = [
        x.cumsum(dim: 1), x.cumsum(dim: 0), x.cumprod(dim: 1), x.logcumsumexp(dim: 1), x.var(dim: 1), x.norm(3, dim: 0),
        x.logsumexp(dim: 1), x.reshape(37 * 501 * 3).var().reshape([1]), x.cummax(dim: 0).values,
      ]
      runs.append(results.flatMap { $0.contiguous().array(Float.self) })
    }
    #expect(runs[0] == runs[1] && runs[0] == runs[2])
  }

  @Test func selectionEqualsSortingForAnyOrder() {
    withSeed(3) {
      let random = Tensor.randn([5, 1000])
      let few = Tensor.randint(0, 4, [5, 1000]).to(.float32)
      let ramp = Tensor.arange(1000, dtype: .float32).expand(5, 1000)
      let organ = (ramp - 500).abs()
      let holes = Tensor.where(few .== 3, Double.nan, random)
      for (i, x) in [random, few, ramp, ramp.flip(1), organ, holes, few.fullLike(2), few.to(.int64)].enumerated() {
        let order = x.sort(dim: 1).indices
        for k in [1, 2, 250, 500, 750, 999, 1000] {
          let got = x.kthvalue(k, dim: 1).indices.array(Int.self)
          #expect(got == order.select(dim: 1, k - 1).array(Int.self), "tensor \(i), k \(k)")
        }
      }
      let plain = holes.array(Float.self)[..<1000].filter { !$0.isNaN }.sorted()
      #expect(holes.nanmedian(dim: 1).values.array(Float.self)[0] == plain[(plain.count - 1) / 2])
      #expect(holes.median(dim: 1).values.isNaN().all().item() == .bool(true))
    }
  }

  @Test func longFloatSumsKeepTheirDigits() {
    let x = Tensor.full([1_000_000], 0.1)
    let total = x.cumsum(dim: 0).select(dim: 0, -1).doubleValue
    #expect(abs(total - 100_000) < 0.01)
    let shifted = Tensor.arange(1000, dtype: .float64).to(.float32) + 100_000
    #expect(abs(shifted.var().doubleValue - 83416.6667) < 0.1)
  }

  @Test func secondDerivativesOfComposites() {
    let x = Tensor(
      [0.5, -1.25, 2.0, 3.5, -0.75, 1.5, 0.25, -2.0, 1.0, 0.75, 2.25, -0.5], shape: [3, 4], dtype: .float64
    ).requiresGrad_()
    let functions: [(String, (Tensor) -> Tensor)] = [
      ("std", { $0.std(dim: 1) }), ("varMean", { $0.varMean(dim: [0]).variance }), ("cov", { $0.cov() }),
      ("logsumexp", { $0.logsumexp(dim: [0, 1]) }), ("prod", { $0.prod() }), ("median", { $0.median(dim: 1).values }),
      ("quantile", { $0.quantile(0.4, dim: 1).square() }), ("mode", { $0.mode(dim: 1).values.square() }),
      ("nanmean", { $0.nanmean(dim: [1]).square() }), ("renorm", { $0.renorm(2, dim: 0, maxNorm: 1) }),
      ("diff", { $0.diff(2).square() }), ("cumprod", { $0.cumprod(dim: 0).cumsum(dim: 1) }),
    ]
    for (name, function) in functions {
      let mismatch = Gradcheck.check([x]) { [function($0[0])] }
      #expect(mismatch == nil, "\(name): \(mismatch!)")
      let second = Gradcheck.checkSecond([x]) { [function($0[0])] }
      #expect(second == nil, "\(name), second order: \(second!)")
    }
  }

  @Test func inPlaceScansKeepTheirHistory() {
    let x = Tensor([1.0, 2, 3]).requiresGrad_()
    let y = x * 1
    y.cumsum_(dim: 0)
    #expect(y.array(Float.self) == [1, 3, 6])
    y.sum().backward()
    #expect(x.grad!.array(Float.self) == [3, 2, 1])
    x.grad = nil
    let z = x * 1
    z.cumprod_(dim: 0)
    #expect(z.array(Float.self) == [1, 2, 6])
    z.sum().backward()
    #expect(x.grad!.array(Float.self) == [9, 4, 2])
  }

  @Test func mistakesNameTheOpAndWhatItGot() {
    let x = Tensor.ones([2, 3])
    let whole = Tensor([1, 2, 3])
    expectMistake("mean", "int64", "floating-point") { _ = whole.mean() }
    expectMistake("var", "int64") { _ = whole.var() }
    expectMistake("norm", "int64") { _ = whole.norm() }
    expectMistake("norm", "inf", "no elements") { _ = Tensor.zeros([0, 3]).norm(Double.infinity, dim: 0) }
    expectMistake("cumsum", "dim 2", "out of range") { _ = x.cumsum(dim: 2) }
    expectMistake("prod", "dim -3") { _ = x.prod(dim: -3) }
    expectMistake("logcumsumexp", "int64") { _ = whole.logcumsumexp(dim: 0) }
    expectMistake("median", "size 0") { _ = Tensor.zeros([0, 3]).median(dim: 0) }
    expectMistake("kthvalue", "k is 4", "1 to 3") { _ = x.kthvalue(4) }
    expectMistake("kthvalue", "k is 0") { _ = x.kthvalue(0) }
    expectMistake("mode", "size 0") { _ = Tensor.zeros([3, 0]).mode() }
    expectMistake("quantile", "0 to 1", "1.5") { _ = x.quantile(1.5) }
    expectMistake("quantile", "float32 or float64", "int64") { _ = whole.quantile(0.5) }
    expectMistake("quantile", "no elements") { _ = Tensor.zeros([0]).quantile(0.5) }
    expectMistake("matrixNorm", "order 2") { _ = x.matrixNorm(2) }
    expectMistake("cov", "[1, 1, 1]") { _ = Tensor.ones([1, 1, 1]).cov() }
    expectMistake("diff", "-1") { _ = x.diff(-1) }
    expectMistake("amax", "size 0") { _ = Tensor.zeros([0]).amax() }
  }
}
