import Firefinch
import FirefinchTestSupport
import Testing

/// Type promotion and conversions between dtypes, against PyTorch's own tables (`goldens/make_dtypes.py`).
@Suite struct DTypeTests {
  private static func number(_ kind: String) -> Scalar? {
    ["bool": .bool(true), "int": .int(1), "float": .double(1), "complex": .complex(0, 1)][kind]
  }

  private static func tensor(_ dtype: String, rank: Int) throws -> Tensor {
    Tensor.zeros(rank == 0 ? [] : [2], dtype: try #require(DType(name: dtype), "\(dtype)"))
  }

  @Test func promotionIsPyTorchs() throws {
    let golden = try Golden.load("dtypes.json")
    var failures: [String] = []
    for row in golden["result_type"].list.map(\.list) {
      let a = try Self.tensor(row[0].string, rank: row[1].int)
      let want = row[4].string
      let isNumber = row[3].int < 0
      let b = isNumber ? nil : try Self.tensor(row[2].string, rank: row[3].int)
      let got = try b.map { Tensor.resultType(a, $0) } ?? Tensor.resultType(a, #require(Self.number(row[2].string)))
      if got.name != want { failures.append("\(row.map(\.any)): got \(got.name)") }
      // The rule and what an operation does are one, whichever side comes first.
      if let b {
        if (a + b).dtype.name != want || (b + a).dtype.name != want { failures.append("\(row.map(\.any)): add gives \((a + b).dtype.name)") }
      }
    }
    for row in golden["numbers"].list.map(\.list) {
      let (a, b) = (try #require(Self.number(row[0].string)), try #require(Self.number(row[1].string)))
      let got = Tensor.resultType(a, b)
      if got.name != row[2].string { failures.append("\(row.map(\.any)): got \(got.name)") }
    }
    #expect(failures.isEmpty, "\(failures.prefix(20).joined(separator: "\n"))")
  }

  @Test func promotionOfDTypesIsSymmetricAndHoldsBoth() {
    for a in DType.allCases {
      for b in DType.allCases {
        let both = DType.promote(a, b)
        #expect(both == DType.promote(b, a))
        #expect(both.category == max(a.category, b.category))
        #expect(DType.promote(both, a) == both && DType.promote(both, b) == both)
      }
    }
  }

  @Test func conversionsAreDefinedForEveryNumber() throws {
    let golden = try Golden.load("dtypes.json")
    let values = Tensor(golden["values"].list.map { Double($0.string)! }, dtype: .float64)
    let integers = Tensor(golden["integers"].list.map { Int($0.string)! })
    var failures: [String] = []
    for row in golden["conversions"].list {
      let (start, end) = (try #require(DType(name: row["start"].string)), try #require(DType(name: row["end"].string)))
      let given = row["source"].string == "int64" ? integers : values
      let result = given.to(start).to(end)
      let isSame: Bool
      if end == .int64 {
        isSame = result.array(Int.self) == row["results"].list.map { Int($0.string)! }
      } else {
        isSame = zip(result.array(Double.self), row["results"].list.map { Double($0.string)! }).allSatisfy {
          $0.0 == $0.1 || $0.0.isNaN && $0.1.isNaN
        }
      }
      if !isSame {
        failures.append(
          "\(row["source"].string) -> \(start.name) -> \(end.name): \(result.array(Double.self)), want \(row["results"].any)")
      }
    }
    #expect(failures.isEmpty, "\(failures.prefix(8).joined(separator: "\n"))")
  }

  @Test func conversionsDoNotDependOnLayoutOrPlace() {
    // Vector loops, their tails and strided runs convert alike.
    let line = [1e20, -3.7, 300.2, Double.nan, -Double.infinity, 65520, 2147483648.5, -129]
    for dtype in [DType.int8, .uint8, .int16, .int32, .int64, .bool, .float16, .bfloat16, .float32] {
      let single = line.map { Tensor($0, dtype: .float64).to(dtype).to(.float64).doubleValue }
      for source in [DType.float64, .float32] {
        let wide = Tensor((0..<67).map { line[$0 % line.count] }, dtype: source)
        let want = source == .float64 ? single : line.map { Tensor($0, dtype: .float32).to(dtype).to(.float64).doubleValue }
        let forms = [wide.to(dtype), Tensor.stack([wide, wide], dim: 1).select(dim: 1, 1).to(dtype)]
        for got in forms {
          for (i, value) in got.array(Double.self).enumerated() {
            let expected = want[i % line.count]
            #expect(value == expected || value.isNaN && expected.isNaN, "\(source.name) to \(dtype.name) at \(i)")
          }
        }
      }
    }
  }

  @Test func complexConversions() {
    let z = Tensor(complex: [(1.5, -2), (0, 3), (0, 0)])
    #expect(z.to(.float64).array(Double.self) == [1.5, 0, 0])
    #expect(z.bool().array(Bool.self) == [true, true, false])
    #expect(z.chalf().dtype == .complex32 && z.chalf().real.dtype == .float16)
    #expect(z.chalf().cdouble().item(at: 0) == .complex(1.5, -2))
    #expect(Tensor([2.0, 3]).cfloat().imag.array(Float.self) == [0, 0])
    #expect(Tensor([1.0, 2, 3, 4], shape: [2, 2], dtype: .float16).viewAsComplex().dtype == .complex32)
    let leaf = Tensor([2.0, 3]).requiresGrad_()
    (leaf.cdouble() * Tensor(complex: [(0, 1), (2, 1)], dtype: .complex128)).real.sum().backward()
    #expect(leaf.grad!.dtype == .float32 && leaf.grad!.array(Float.self) == [0, 2])
  }

  @Test func sumsTakeTheDTypeAskedFor() {
    let x = Tensor([1.0, 2, 3, 4], shape: [2, 2])
    #expect(x.sum(dim: 0, dtype: .complex64).dtype == .complex64)
    #expect(x.sum(dim: [0], dtype: .complex128).real.array(Double.self) == [4, 6])
    let z = Tensor(complex: [(1, 2), (3, 4)])
    #expect(z.sum(dtype: .complex128).item() == .complex(4, 6))
    #expect(z.sum(dtype: .float64).doubleValue == 4)
    #expect(z.cumsum(dim: 0, dtype: .complex128).dtype == .complex128)
  }
}

extension Tensor {
  /// One element of a vector.
  fileprivate func item(at index: Int) -> Scalar { select(dim: 0, index).item() }
}
