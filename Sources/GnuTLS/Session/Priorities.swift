import CGnuTLS

/// What is offered or accepted, parsed. Sessions may share it.
final class Priorities: @unchecked Sendable {  // safe: nobody changes it once it is parsed
    let handle: gnutls_priority_t
    /// Whether a hello comes with a key for the first of its groups alone.
    let sharesOneKey: Bool
    /// Whether TLS 1.3 is among the versions, whatever was said for and against it.
    let includesTLS13: Bool

    /// - Parameter group: For clients, the group that servers are expected to choose, by GnuTLS's name.
    init(_ options: TLSOptions, isClient: Bool, expecting group: String?) throws(GnuTLSError) {
        (handle, sharesOneKey) = try KeyShares.priority(options.priorityString) {
            isClient ? options.groupOrder($0, expecting: group) : nil
        }
        var list: UnsafePointer<UInt32>?
        let count = gnutls_priority_protocol_list(handle, &list)
        let versions = UnsafeBufferPointer(start: list, count: Int(max(0, count)))
        includesTLS13 = versions.contains(UInt32(GNUTLS_TLS1_3.rawValue))
    }

    deinit { gnutls_priority_deinit(handle) }
}
