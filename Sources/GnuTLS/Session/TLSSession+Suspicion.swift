import CGnuTLS

/// What GnuTLS does not look for in what the peer sends.
extension TLSSession {
    /// No handshake message is longer than GnuTLS's limit of half of this, and no record of more than a sixteenth.
    private static let patience = 1 << 18

    func pulled(_ bytes: UnsafeRawBufferPointer) {
        fruitlessBytes += bytes.count
        if opening.count < 5 { opening = opening + bytes.prefix(5 - opening.count) }
    }

    /// GnuTLS bounds neither the messages that it puts together from pieces, nor how many records may come to nothing.
    func checkPatience() throws(TLSFailure) {
        guard fruitlessBytes > Self.patience else { return }
        throw abandon(TLSFailure(.flood), GNUTLS_E_TOO_MANY_EMPTY_PACKETS)
    }

    /// The protocol of a peer that does not speak TLS: the usual ones begin with their names, or with a number.
    var otherProtocol: String? {
        guard opening.count == 5 else { return nil }
        return switch opening {
        case Array("HTTP/".utf8): "HTTP"
        case Array("SSH-2".utf8): "SSH"
        case Array("220 ".utf8) + opening.suffix(1), Array("220-".utf8) + opening.suffix(1): "SMTP or FTP"
        default: nil
        }
    }
}
