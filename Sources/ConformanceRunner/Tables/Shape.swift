import Firefinch

/// Views, shapes, joining, splitting and dtype conversion.
extension Table {
  mutating func addShapes() {
    addViews()
    addJoining()
    addSplitting()
    addRearranging()
    addConversions()
    for name in [
      "alias", "as_strided", "diagonal", "expand", "narrow", "permute", "select", "slice", "split", "split_with_sizes",
      "squeeze", "t", "transpose", "unbind", "unfold", "unsqueeze", "view", "view_as_complex", "view_as_real",
    ] { addCopy(of: name) }
    addInPlace()
  }

  /// `name_copy`: the view's values in memory of their own.
  private mutating func addCopy(of name: String) {
    let table = self
    raw("\(name)_copy") { args, kwargs in
      try table.call(name, args, kwargs).leaves.map { $0.tensor.map { .tensor($0.clone()) } ?? $0 }
    }
  }

  private mutating func addViews() {
    op("T(Tensor self) -> Tensor") { c in try c.tensor(0).T }
    op("H(Tensor self) -> Tensor") { c in try c.tensor(0).H }
    op("mT(Tensor self) -> Tensor") { c in try c.tensor(0).mT }
    for name in ["mH", "adjoint"] { op("\(name)(Tensor self) -> Tensor") { c in try c.tensor(0).mH } }
    for name in ["transpose", "swapaxes", "swapdims"] {
      op("\(name)(Tensor self, int dim0, int dim1) -> Tensor") { c in try c.tensor(0).transpose(c.int(1), c.int(2)) }
    }
    op("t(Tensor self) -> Tensor") { c in try c.tensor(0).t() }
    op("alias(Tensor self) -> Tensor") { c in try c.tensor(0).aliasView() }
    op("as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor") { c in
      try c.tensor(0).asStrided(c.shape(1), strides: c.shape(2), offset: c.optionalInt(3))
    }
    op("broadcast_to(Tensor self, int[] size) -> Tensor") { c in try c.tensor(0).broadcastTo(c.shape(1)) }
    op("expand_as(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).expandAs(c.tensor(1)) }
    op("expand(Tensor self, int[] size) -> Tensor") { c in try c.tensor(0).expand(c.shape(1)) }
    op("view_as(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).viewAs(c.tensor(1)) }
    op("view(Tensor self, ScalarType dtype) -> Tensor") { c in try c.tensor(0).view(dtype: c.dtype(1)) }
    op("view(Tensor self, int[] size) -> Tensor") { c in try c.tensor(0).view(c.shape(1)) }
    op("reshape(Tensor self, int[] shape) -> Tensor") { c in try c.tensor(0).reshape(c.shape(1)) }
    op("reshape_as(Tensor self, Tensor other) -> Tensor") { c in try c.tensor(0).reshapeAs(c.tensor(1)) }
    op("ravel(Tensor self) -> Tensor") { c in try c.tensor(0).ravel() }
    op("flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor") { c in
      try c.tensor(0).flatten(startDim: c.int(1), endDim: c.int(2))
    }
    op("unflatten(Tensor self, int dim, int[] sizes) -> Tensor") { c in try c.tensor(0).unflatten(dim: c.int(1), c.shape(2)) }
    op("diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor") { c in
      try c.tensor(0).diagonal(offset: c.int(1), dim1: c.int(2), dim2: c.int(3))
    }
    op("narrow(Tensor self, int dim, Tensor start, int length) -> Tensor") { c in
      try c.tensor(0).narrow(dim: c.int(1), start: c.tensor(2), length: c.int(3))
    }
    op("narrow(Tensor self, int dim, int start, int length) -> Tensor") { c in
      try c.tensor(0).narrow(dim: c.int(1), start: c.int(2), length: c.int(3))
    }
    op("select(Tensor self, int dim, int index) -> Tensor") { c in try c.tensor(0).select(dim: c.int(1), c.int(2)) }
    op("slice(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor") { c in
      try c.tensor(0).slice(dim: c.int(1), start: c.optionalInt(2), end: c.optionalInt(3), step: c.int(4))
    }
    op("squeeze(Tensor self, int[]? dim=None) -> Tensor") { c in try c.tensor(0).squeeze(dim: c.optionalInts(1)) }
    for name in ["movedim", "moveaxis"] {
      op("\(name)(Tensor self, int[] source, int[] destination) -> Tensor") { c in
        try c.tensor(0).movedim(c.ints(1), c.ints(2))
      }
    }
    op("unfold(Tensor self, int dimension, int size, int step) -> Tensor") { c in
      try c.tensor(0).unfold(dim: c.int(1), size: c.int(2), step: c.int(3))
    }
    // The cases resize a copy of their first argument.
    op("resize_(Tensor self, int[] size, *, Any memory_format=None) -> Tensor") { c in
      try c.tensor(0).clone().resize_(c.shape(1), memoryFormat: c.memoryFormat(2))
    }
    op("resize_as_(Tensor self, Tensor the_template, *, Any memory_format=None) -> Tensor") { c in
      try c.tensor(0).clone().resizeAs_(c.tensor(1), memoryFormat: c.memoryFormat(2))
    }
    op("contiguous(Tensor self, *, Any memory_format=None) -> Tensor") { c in
      try c.tensor(0).contiguous(memoryFormat: c.memoryFormat(1) ?? .contiguous)
    }
    op("clone(Tensor self, *, Any memory_format=None) -> Tensor") { c in
      try c.tensor(0).clone(memoryFormat: c.memoryFormat(1))
    }
    op("item(Tensor self) -> Scalar") { c in try c.tensor(0).item() }
    raw("broadcast_shapes") { args, _ in
      let shapes = try args.map { argument -> Shape in
        let elements = argument.elements ?? [argument]
        return Shape(try elements.map { element in
          guard let size = element.integer else { throw TensorError.value("broadcast_shapes: sizes must be integers") }
          return size
        })
      }
      return try Tensor.broadcastShapes(shapes)
    }
  }

  /// What changes the tensor's own shape. `resize__` is the in-place form of the name `resize_`.
  private mutating func addInPlace() {
    op("t_(Tensor self) -> Tensor") { c in try c.tensor(0).t_() }
    op("squeeze_(Tensor self, int[]? dim=None) -> Tensor") { c in try c.tensor(0).squeeze_(dim: c.optionalInts(1)) }
    op("unsqueeze_(Tensor self, int dim) -> Tensor") { c in try c.tensor(0).unsqueeze_(dim: c.int(1)) }
    for name in ["transpose_", "swapaxes_", "swapdims_"] {
      op("\(name)(Tensor self, int dim0, int dim1) -> Tensor") { c in try c.tensor(0).transpose_(c.int(1), c.int(2)) }
    }
    op("as_strided_(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor") { c in
      try c.tensor(0).asStrided_(c.shape(1), strides: c.shape(2), offset: c.optionalInt(3))
    }
    op("resize__(Tensor self, int[] size, *, Any memory_format=None) -> Tensor") { c in
      try c.tensor(0).resize_(c.shape(1), memoryFormat: c.memoryFormat(2))
    }
    op("resize_as__(Tensor self, Tensor the_template, *, Any memory_format=None) -> Tensor") { c in
      try c.tensor(0).resizeAs_(c.tensor(1), memoryFormat: c.memoryFormat(2))
    }
  }

  private mutating func addJoining() {
    for name in ["cat", "concat", "concatenate"] {
      op("\(name)(Tensor[] tensors, int dim=0) -> Tensor") { c in try Tensor.cat(c.tensors(0), dim: c.int(1)) }
    }
    op("stack(Tensor[] tensors, int dim=0) -> Tensor") { c in try Tensor.stack(c.tensors(0), dim: c.int(1)) }
    op("hstack(Tensor[] tensors) -> Tensor") { c in try Tensor.hstack(c.tensors(0)) }
    for name in ["vstack", "row_stack"] {
      op("\(name)(Tensor[] tensors) -> Tensor") { c in try Tensor.vstack(c.tensors(0)) }
    }
    op("dstack(Tensor[] tensors) -> Tensor") { c in try Tensor.dstack(c.tensors(0)) }
    op("column_stack(Tensor[] tensors) -> Tensor") { c in try Tensor.columnStack(c.tensors(0)) }
    op("combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor") { c in
      try c.tensor(0).combinations(c.int(1), withReplacement: c.bool(2))
    }
    // The public functions take `*tensors` as well as one list.
    raw("meshgrid") { args, kwargs in
      let vectors = try Table.variadic("meshgrid", args)
      var indexing = "ij"
      for (name, value) in kwargs {
        guard name == "indexing", case .string(let text) = value else {
          throw TensorError.value("meshgrid: unexpected argument '\(name)' of type \(value.typeName)")
        }
        indexing = text
      }
      guard let indexing = MeshIndexing(rawValue: indexing) else {
        throw TensorError.value("meshgrid: indexing must be 'ij' or 'xy', got '\(indexing)'")
      }
      return Tensor.meshgrid(vectors, indexing: indexing)
    }
    raw("broadcast_tensors") { args, _ in Tensor.broadcastTensors(try Table.variadic("broadcast_tensors", args)) }
    raw("block_diag") { args, _ in Tensor.blockDiag(try Table.variadic("block_diag", args)) }
    raw("cartesian_prod") { args, _ in Tensor.cartesianProd(try Table.variadic("cartesian_prod", args)) }
    op("atleast_1d(Tensor self) -> Tensor") { c in try c.tensor(0).atLeast1d() }
    op("atleast_1d(Tensor[] tensors) -> Tensor[]") { c in try c.tensors(0).map { $0.atLeast1d() } }
    op("atleast_2d(Tensor self) -> Tensor") { c in try c.tensor(0).atLeast2d() }
    op("atleast_2d(Tensor[] tensors) -> Tensor[]") { c in try c.tensors(0).map { $0.atLeast2d() } }
    op("atleast_3d(Tensor self) -> Tensor") { c in try c.tensor(0).atLeast3d() }
    op("atleast_3d(Tensor[] tensors) -> Tensor[]") { c in try c.tensors(0).map { $0.atLeast3d() } }
    op("_chunk_cat(Tensor[] tensors, int dim, int num_chunks) -> Tensor") { c in
      try Tensor.chunkCat(c.tensors(0), dim: c.int(1), chunks: c.int(2))
    }
  }

  private mutating func addSplitting() {
    op("chunk(Tensor self, int chunks, int dim=0) -> Tensor[]") { c in try c.tensor(0).chunk(c.int(1), dim: c.int(2)) }
    op("unsafe_chunk(Tensor self, int chunks, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).unsafeChunk(c.int(1), dim: c.int(2))
    }
    op("split(Tensor tensor, int split_size_or_sections, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).split(c.int(1), dim: c.int(2))
    }
    op("split(Tensor tensor, int[] split_size_or_sections, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).split(c.ints(1), dim: c.int(2))
    }
    op("split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).split(c.ints(1), dim: c.int(2))
    }
    op("unsafe_split(Tensor tensor, int split_size, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).unsafeSplit(c.int(1), dim: c.int(2))
    }
    op("unsafe_split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).unsafeSplit(c.ints(1), dim: c.int(2))
    }
    op("tensor_split(Tensor self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).tensorSplit(c.tensor(1), dim: c.int(2))
    }
    op("tensor_split(Tensor self, int sections, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).tensorSplit(c.int(1), dim: c.int(2))
    }
    op("tensor_split(Tensor self, int[] indices, int dim=0) -> Tensor[]") { c in
      try c.tensor(0).tensorSplit(c.ints(1), dim: c.int(2))
    }
    op("hsplit(Tensor self, int sections) -> Tensor[]") { c in try c.tensor(0).hsplit(c.int(1)) }
    op("hsplit(Tensor self, int[] indices) -> Tensor[]") { c in try c.tensor(0).hsplit(c.ints(1)) }
    op("vsplit(Tensor self, int sections) -> Tensor[]") { c in try c.tensor(0).vsplit(c.int(1)) }
    op("vsplit(Tensor self, int[] indices) -> Tensor[]") { c in try c.tensor(0).vsplit(c.ints(1)) }
    op("dsplit(Tensor self, int sections) -> Tensor[]") { c in try c.tensor(0).dsplit(c.int(1)) }
    op("dsplit(Tensor self, int[] indices) -> Tensor[]") { c in try c.tensor(0).dsplit(c.ints(1)) }
    op("unbind(Tensor self, int dim=0) -> Tensor[]") { c in try c.tensor(0).unbind(dim: c.int(1)) }
  }

  private mutating func addRearranging() {
    op("diag(Tensor self, int diagonal=0) -> Tensor") { c in try c.tensor(0).diag(c.int(1)) }
    op("diagflat(Tensor self, int offset=0) -> Tensor") { c in try c.tensor(0).diagflat(c.int(1)) }
    op("diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor") { c in
      try c.tensor(0).diagEmbed(offset: c.int(1), dim1: c.int(2), dim2: c.int(3))
    }
    op("tril(Tensor self, int diagonal=0) -> Tensor") { c in try c.tensor(0).tril(c.int(1)) }
    op("triu(Tensor self, int diagonal=0) -> Tensor") { c in try c.tensor(0).triu(c.int(1)) }
    op("flip(Tensor self, int[] dims) -> Tensor") { c in try c.tensor(0).flip(c.ints(1)) }
    op("fliplr(Tensor self) -> Tensor") { c in try c.tensor(0).fliplr() }
    op("flipud(Tensor self) -> Tensor") { c in try c.tensor(0).flipud() }
    op("repeat(Tensor self, int[] repeats) -> Tensor") { c in try c.tensor(0).repeat(c.ints(1)) }
    op("tile(Tensor self, int[] dims) -> Tensor") { c in try c.tensor(0).tile(c.ints(1)) }
    op("repeat_interleave(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor") { c in
      try c.tensor(0).repeatInterleave(c.tensor(1), dim: c.optionalInt(2), outputSize: c.optionalInt(3))
    }
    op("repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor") { c in
      try c.tensor(0).repeatInterleave(c.int(1), dim: c.optionalInt(2), outputSize: c.optionalInt(3))
    }
    op("repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor") { c in
      try Tensor.repeatInterleave(counts: c.tensor(0), outputSize: c.optionalInt(1))
    }
    op("roll(Tensor self, int[] shifts, int[] dims=[]) -> Tensor") { c in try c.tensor(0).roll(c.ints(1), dims: c.ints(2)) }
    op("rot90(Tensor self, int k=1, int[] dims=[0,1]) -> Tensor") { c in try c.tensor(0).rot90(c.int(1), dims: c.ints(2)) }
    op("constant_pad_nd(Tensor self, int[] pad, Scalar value=0) -> Tensor") { c in
      try c.tensor(0).pad(c.ints(1), value: c.scalar(2))
    }
    op("tensordot(Tensor a, Tensor b, Any dims=2) -> Tensor") { c in
      if let pair = c.argument(2).elements, pair.count == 2 {
        let sides = pair.map { ($0.elements ?? [$0]).compactMap(\.integer) }
        return try c.tensor(0).tensordot(c.tensor(1), dims: sides[0], sides[1])
      }
      return try c.tensor(0).tensordot(c.tensor(1), dims: c.int(2))
    }
  }

  private mutating func addConversions() {
    let names: [(String, DType)] = [
      ("bfloat16", .bfloat16), ("half", .float16), ("float", .float32), ("double", .float64), ("bool", .bool),
      ("byte", .uint8), ("char", .int8), ("short", .int16), ("int", .int32), ("long", .int64), ("cfloat", .complex64),
      ("cdouble", .complex128), ("chalf", .complex32),
    ]
    for (name, dtype) in names {
      op("\(name)(Tensor self, Any memory_format=None) -> Tensor") { c in
        try c.tensor(0).to(dtype, memoryFormat: c.memoryFormat(1))
      }
    }
    let rest = "bool non_blocking=False, bool copy=False, *, Any memory_format=None) -> Tensor"
    op("to(Tensor self, device device, ScalarType? dtype=None, \(rest)") { c in
      let x = try c.tensor(0)
      return try x.to(c.optionalDType(2) ?? x.dtype, copy: c.bool(4), memoryFormat: c.memoryFormat(5))
    }
    op("to(Tensor self, ScalarType dtype, \(rest)") { c in
      try c.tensor(0).to(c.dtype(1), copy: c.bool(3), memoryFormat: c.memoryFormat(4))
    }
    op("to(Tensor self, Tensor other, \(rest)") { c in
      try c.tensor(0).to(c.tensor(1).dtype, copy: c.bool(3), memoryFormat: c.memoryFormat(4))
    }
    op("to(Tensor self, *, ScalarType? dtype=None, bool non_blocking=False, bool copy=False, Any memory_format=None) -> Tensor") { c in
      let x = try c.tensor(0)
      return try x.to(c.optionalDType(1) ?? x.dtype, copy: c.bool(3), memoryFormat: c.memoryFormat(4))
    }
  }

  /// The tensors of a function that takes `*tensors`, or one list of them.
  private static func variadic(_ name: String, _ args: [Argument]) throws -> [Tensor] {
    let elements = args.count == 1 ? args[0].elements ?? args : args
    return try elements.map { element in
      guard case .tensor(let tensor) = element else {
        throw TensorError.value("\(name): expected tensors, got \(element.typeName)")
      }
      return tensor
    }
  }
}

extension Call {
  /// An optional memory format.
  fileprivate func memoryFormat(_ index: Int) throws -> MemoryFormat? {
    switch argument(index) {
    case .none: return nil
    case .memoryFormat(let name):
      guard let format = MemoryFormat(rawValue: name) else { throw Unsupported("memory format \(name)") }
      return format
    default: throw TensorError.value("\(name): a memory format is expected, got \(argument(index).typeName)")
    }
  }
}
