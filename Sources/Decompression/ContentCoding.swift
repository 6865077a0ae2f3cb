/// The content codings (RFC 9110 §8.4.1) that can be undone.
package enum ContentCoding: String, CaseIterable, Sendable {
    case gzip, deflate, br, zstd

    /// The coding of that name, in any case; `x-gzip` is `gzip`.
    package init?(name: some StringProtocol) {
        let name = name.lowercased()
        self.init(rawValue: name == "x-gzip" ? "gzip" : name)
    }

    /// Whether its library is here. Those of `br` and `zstd` are looked for at run time.
    package var isAvailable: Bool {
        switch self {
        case .gzip, .deflate: true
        case .br: Brotli.library != nil
        case .zstd: Zstandard.library != nil
        }
    }

    /// A decoder for one body.
    ///
    /// - Throws: When the library is missing, or memory is.
    package func decoder() throws(DecompressionError) -> any Decoder {
        switch self {
        case .gzip: try Inflation(.gzip)
        case .deflate: try Inflation(.deflate)
        case .br: try Brotli()
        case .zstd: try Zstandard()
        }
    }
}
