/// Values by serial numbers, which are given out in order and never twice.
///
/// The newest stands last, so that an array in order does what a dictionary does, without hashing and for few values
/// faster. Removing moves what is newer: it is for what there are hundreds of, not millions.
///
/// Inlinable, since without its element's type every use of it would ask the runtime for metadata.
@frozen @usableFromInline
package struct SerialTable<Value> {
    @usableFromInline var numbers: [Int] = []
    @usableFromInline var slots: [Value] = []

    @inlinable
    package init() {}

    @inlinable
    package var isEmpty: Bool { numbers.isEmpty }

    @inlinable
    package var count: Int { numbers.count }

    /// In the order of their numbers.
    @inlinable
    package var values: [Value] { slots }

    @inlinable
    package var all: Zip2Sequence<[Int], [Value]> { zip(numbers, slots) }

    @inlinable
    package subscript(number: Int) -> Value? {
        get {
            let position = position(of: number)
            return position < numbers.count && numbers[position] == number ? slots[position] : nil
        }
        set {
            let position = position(of: number)
            let isThere = position < numbers.count && numbers[position] == number
            switch newValue {
            case let value? where isThere: slots[position] = value
            case let value?:
                numbers.insert(number, at: position)
                slots.insert(value, at: position)
            case nil where isThere: _ = remove(at: position)
            case nil: break
            }
        }
    }

    @inlinable
    package mutating func removeValue(forKey number: Int) -> Value? {
        let position = position(of: number)
        guard position < numbers.count, numbers[position] == number else { return nil }
        return remove(at: position)
    }

    @inlinable
    mutating func remove(at position: Int) -> Value {
        numbers.remove(at: position)
        return slots.remove(at: position)
    }

    /// Where the number stands, or would.
    @inlinable
    func position(of number: Int) -> Int {
        var (low, high) = (0, numbers.count)
        while low < high {
            let middle = (low + high) / 2
            if numbers[middle] < number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension SerialTable: Sendable where Value: Sendable {}
