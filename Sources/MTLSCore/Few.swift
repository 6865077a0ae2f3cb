/// A short list that needs no allocation while it holds none or one.
///
/// Inlinable, since without its element's type every use of it would ask the runtime for metadata.
@frozen @usableFromInline
package enum Few<Element> {
    case none
    case one(Element)
    case many([Element])

    @inlinable
    package init() { self = .none }

    @inlinable
    package mutating func append(_ element: Element) {
        switch self {
        case .none: self = .one(element)
        case .one(let first): self = .many([first, element])
        case .many(var elements):
            self = .none  // so that the array is not copied
            elements.append(element)
            self = .many(elements)
        }
    }
}

extension Few: RandomAccessCollection {
    @inlinable
    package var startIndex: Int { 0 }

    @inlinable
    package var endIndex: Int {
        switch self {
        case .none: 0
        case .one: 1
        case .many(let elements): elements.count
        }
    }

    @inlinable
    package subscript(position: Int) -> Element {
        switch self {
        case .one(let element) where position == 0: element
        case .many(let elements): elements[position]
        default: fatalError("index out of range")  // safe: as Array does; indices come from this collection
        }
    }
}

extension Few: Sendable where Element: Sendable {}
extension Few: Equatable where Element: Equatable {}
