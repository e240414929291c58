/// A list whose first two elements lie inline, so that the nodes of most operations need no array.
struct SmallList<Element>: RandomAccessCollection {
  private(set) var count = 0
  private var first: Element?
  private var second: Element?
  private var rest: [Element] = []

  @inline(__always) init() {}

  @inline(__always) init(_ first: Element) {
    self.first = first
    count = 1
  }

  @inline(__always) init(_ first: Element, _ second: Element) {
    self.first = first
    self.second = second
    count = 2
  }

  init(_ elements: some Sequence<Element>) {
    for element in elements { append(element) }
  }

  @inline(__always) var startIndex: Int { 0 }
  @inline(__always) var endIndex: Int { count }

  @inline(__always) subscript(index: Int) -> Element {
    get { index == 0 ? first! : index == 1 ? second! : rest[index - 2] }
    set { if index == 0 { first = newValue } else if index == 1 { second = newValue } else { rest[index - 2] = newValue } }
  }

  @inline(__always) mutating func append(_ element: Element) {
    if count == 0 { first = element } else if count == 1 { second = element } else { rest.append(element) }
    count += 1
  }

  @inline(__always) mutating func removeAll() {
    if count == 0 { return }
    first = nil
    second = nil
    if count > 2 { rest = [] }
    count = 0
  }
}
