extension PublicKey {
    /// The pin of the key as curl's `--pinnedpubkey` takes it: `sha256//` and the base64 of ``keyID()``.
    package func curlPin() throws(GnuTLSError) -> String {
        var text: [UInt8] = []
        Base64Encoder.append(try keyID()[...], to: &text)
        return "sha256//" + String(decoding: text, as: UTF8.self)
    }
}
