/// Bytes that break the distinguished encoding rules, or are not what stands there by RFC 5280.
struct MalformedDER: Error {
    /// What was being read, such as "the validity".
    let what: String
}

/// One element: tag, length, contents.
struct DERElement {
    let tag: UInt8
    let contents: ArraySlice<UInt8>
    /// Tag and length included.
    let whole: ArraySlice<UInt8>

    /// Reads what is in it.
    func reader(_ what: String) -> DERReader { DERReader(contents, what) }
}

/// Reads DER (X.690) strictly: lengths are definite and as short as can be, tags one byte long.
struct DERReader {
    private let base: ArraySlice<UInt8>
    private var position: Int
    private let what: String

    /// - Parameter what: What is being read, for errors.
    init(_ bytes: ArraySlice<UInt8>, _ what: String) {
        base = bytes
        position = bytes.startIndex
        self.what = what
    }

    var isAtEnd: Bool { position == base.endIndex }
    /// The tag of the next element.
    var tag: UInt8? { isAtEnd ? nil : base[position] }
    var malformed: MalformedDER { MalformedDER(what: what) }

    mutating func next() throws(MalformedDER) -> DERElement {
        let start = position
        let tag = try byte()
        guard tag & 0x1F != 0x1F else { throw malformed }
        var length = Int(try byte())
        if length >= 0x80 {
            let count = length & 0x7F
            guard (1...4).contains(count) else { throw malformed }
            length = 0
            for _ in 0..<count { length = length << 8 | Int(try byte()) }
            guard length >= 0x80, length >> (8 * (count - 1)) != 0 else { throw malformed }
        }
        guard length <= base.endIndex - position else { throw malformed }
        let contents = base[position..<(position + length)]
        position += length
        return DERElement(tag: tag, contents: contents, whole: base[start..<position])
    }

    mutating func next(_ tag: UInt8) throws(MalformedDER) -> DERElement {
        let element = try next()
        guard element.tag == tag else { throw malformed }
        return element
    }

    mutating func optional(_ tag: UInt8) throws(MalformedDER) -> DERElement? {
        self.tag == tag ? try next(tag) : nil
    }

    /// A sequence, to be read in its turn.
    mutating func sequence() throws(MalformedDER) -> DERReader { DERReader(try next(0x30).contents, what) }

    /// The contents of a BIT STRING of whole bytes.
    mutating func bytesOfBitString() throws(MalformedDER) -> ArraySlice<UInt8> {
        let contents = try next(0x03).contents
        guard contents.first == 0 else { throw malformed }
        return contents.dropFirst()
    }

    /// An OBJECT IDENTIFIER in dots.
    mutating func objectIdentifier() throws(MalformedDER) -> String {
        let contents = try next(0x06).contents
        guard let last = contents.last, last < 0x80 else { throw malformed }
        var numbers: [UInt64] = []
        var number: UInt64 = 0
        for byte in contents {
            guard number < 1 << 56, number != 0 || byte != 0x80 else { throw malformed }
            number = number << 7 | UInt64(byte & 0x7F)
            guard byte < 0x80 else { continue }
            if numbers.isEmpty {
                numbers = [min(number / 40, 2), number - 40 * min(number / 40, 2)]
            } else {
                numbers.append(number)
            }
            number = 0
        }
        return numbers.map { "\($0)" }.joined(separator: ".")
    }

    mutating func boolean() throws(MalformedDER) -> Bool {
        let contents = try next(0x01).contents
        guard contents.count == 1, let byte = contents.first, byte == 0 || byte == 0xFF else { throw malformed }
        return byte != 0
    }

    /// An INTEGER from zero to 2³¹-1.
    mutating func smallInteger(_ tag: UInt8 = 0x02) throws(MalformedDER) -> Int {
        let contents = try next(tag).contents
        guard let first = contents.first, first < 0x80, contents.count <= 4 || contents.count == 5 && first == 0,
            contents.count == 1 || first != 0 || contents[contents.startIndex + 1] >= 0x80
        else { throw malformed }
        return contents.reduce(0) { $0 << 8 | Int($1) }
    }

    /// UTCTime or GeneralizedTime in the form that RFC 5280 §4.1.2.5 prescribes, in seconds since 1970 UTC.
    mutating func time() throws(MalformedDER) -> Int64 {
        let element = try next()
        let text = Array(element.contents)
        guard element.tag == 0x17 && text.count == 13 || element.tag == 0x18 && text.count == 15,
            text.last == UInt8(ascii: "Z"), text.dropLast().allSatisfy({ (0x30...0x39).contains($0) })
        else { throw malformed }
        func number(_ start: Int, _ count: Int) -> Int {
            text[start..<(start + count)].reduce(0) { $0 * 10 + Int($1) - 0x30 }
        }
        let rest = element.tag == 0x17 ? 2 : 4
        var year = number(0, rest)
        if element.tag == 0x17 { year += year < 50 ? 2000 : 1900 }
        let (month, day) = (number(rest, 2), number(rest + 2, 2))
        let (hour, minute, second) = (number(rest + 4, 2), number(rest + 6, 2), number(rest + 8, 2))
        guard let days = CivilDate.days(year, month, day), hour < 24, minute < 60, second < 60 else { throw malformed }
        return Int64(days) * 86_400 + Int64(hour * 3600 + minute * 60 + second)
    }

    func finish() throws(MalformedDER) {
        guard isAtEnd else { throw malformed }
    }

    private mutating func byte() throws(MalformedDER) -> UInt8 {
        guard position < base.endIndex else { throw malformed }
        defer { position += 1 }
        return base[position]
    }
}

/// The Gregorian calendar.
package enum CivilDate {
    /// Days since the first of January 1970; nil where there is no such date.
    package static func days(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (0...9999).contains(year), (1...12).contains(month), (1...lengths[month - 1]).contains(day) else {
            return nil
        }
        // Counted from March, so that the leap day ends the year.
        let years = month > 2 ? year : year - 1
        let era = (years >= 0 ? years : years - 399) / 400
        let yearOfEra = years - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
