internal import CGnuTLS
internal import SecretMemory

extension UnsafeRawBufferPointer {
    /// The same memory in GnuTLS's terms, valid only as long as this buffer is. GnuTLS takes no `const` here but writes
    /// nothing.
    var datum: gnutls_datum_t {
        let bytes = UnsafeMutableRawPointer(mutating: baseAddress)?.assumingMemoryBound(to: UInt8.self)
        return gnutls_datum_t(data: bytes, size: UInt32(clamping: count))
    }
}

extension Array where Element == UInt8 {
    /// `withUnsafeBytes` for typed errors.
    func withRawBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withUnsafeBufferPointer { (bytes) throws(Failure) in try body(UnsafeRawBufferPointer(bytes)) }
    }

    func withDatum<Result>(_ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
        withUnsafeBytes { bytes in
            var datum = bytes.datum
            return body(&datum)
        }
    }
}

extension Hasher {
    /// All of `bytes` at once: an array of bytes hashes itself byte by byte, which takes twenty times as long.
    package mutating func combine(bytes: [UInt8]) {
        bytes.withUnsafeBytes { combine(bytes: $0) }
    }
}

/// A fresh handle from one of GnuTLS's `…_init` functions.
func newHandle(
    _ operation: String, _ make: (UnsafeMutablePointer<OpaquePointer?>) -> Int32
) throws(GnuTLSError) -> OpaquePointer {
    var handle: OpaquePointer?
    try check(make(&handle), operation)
    guard let handle else { throw GnuTLSError(code: GNUTLS_E_MEMORY_ERROR, operation: operation) }
    return handle
}

/// Bytes that GnuTLS allocated, as an array. The memory is wiped before it is given back.
func takingBytes(
    _ operation: String, _ fill: (UnsafeMutablePointer<gnutls_datum_t>) -> Int32
) throws(GnuTLSError) -> [UInt8] {
    try takingMemory(operation, fill, body: { [UInt8]($0) })
}

/// Bytes that GnuTLS allocated, passed to `body`. The memory is wiped before it is given back.
func takingMemory<Result>(
    _ operation: String, _ fill: (UnsafeMutablePointer<gnutls_datum_t>) -> Int32,
    body: (UnsafeRawBufferPointer) -> Result
) throws(GnuTLSError) -> Result {
    var datum = gnutls_datum_t()
    try check(fill(&datum), operation)
    let memory = UnsafeMutableRawBufferPointer(start: datum.data, count: Int(datum.size))
    defer {
        SecretBytes.wipe(memory)
        cgnutls_free(datum.data)
    }
    return body(UnsafeRawBufferPointer(memory))
}

/// Bytes from a function of GnuTLS that writes into a buffer of ours and says how long it has to be.
func fillingBytes(
    _ operation: String, _ fill: (UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<Int>) -> Int32
) throws(GnuTLSError) -> [UInt8] {
    var size = 64
    while true {
        var bytes = [UInt8](repeating: 0, count: size)
        let result = bytes.withUnsafeMutableBufferPointer { fill($0.baseAddress, &size) }
        if result == GNUTLS_E_SHORT_MEMORY_BUFFER, size > bytes.count { continue }
        try check(result, operation)
        return Array(bytes.prefix(size))
    }
}

/// Text from a certificate, made safe for terminals and logs: control characters, and what else could hide text, become
/// `\u{…}`; bytes that are no UTF-8 become U+FFFD.
func printable(_ bytes: some Sequence<UInt8>) -> String {
    var result = ""
    for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

/// Two lower-case digits a byte.
func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    var result = ""
    for byte in bytes {
        if byte < 16 { result += "0" }
        result += String(byte, radix: 16)
    }
    return result
}
