import CGnuTLS

/// Which groups a client offers keys for.
///
/// Making a key for a group costs the client a multiplication, and by default GnuTLS makes two. A server that does not know
/// the group of the only key asks for another one (HelloRetryRequest, RFC 8446 §4.1.4), which costs a round trip.
enum KeyShares {
    /// The default priorities with `appended`, and with their groups in the order that `order` finds for them.
    ///
    /// - Parameter order: Gets the groups that the priorities permit, by GnuTLS's names; nil leaves them as they are.
    /// - Returns: The priorities, and whether they were put into an order, so that one key is enough.
    static func priority(
        _ appended: String, order: ([String]) -> [String]?
    ) throws(GnuTLSError) -> (gnutls_priority_t, isOrdered: Bool) {
        let priority = try parse(appended)
        guard let order = order(groups(of: priority)) else { return (priority, false) }
        gnutls_priority_deinit(priority)
        let parts = [appended, "-GROUP-ALL"].filter { !$0.isEmpty } + order.map { "+GROUP-\($0)" }
        return (try parse(parts.joined(separator: ":")), true)
    }

    private static func parse(_ appended: String) throws(GnuTLSError) -> gnutls_priority_t {
        try newHandle("gnutls_priority_init2") {
            gnutls_priority_init2($0, appended, nil, UInt32(GNUTLS_PRIORITY_INIT_DEF_APPEND))
        }
    }

    static func groups(of priority: gnutls_priority_t) -> [String] {
        var list: UnsafePointer<UInt32>?
        let count = gnutls_priority_group_list(priority, &list)
        return UnsafeBufferPointer(start: list, count: Int(max(0, count))).compactMap {
            gnutls_group_get_name(gnutls_group_t(rawValue: $0)).map { String(cString: $0) }
        }
    }
}

extension TLSOptions {
    /// The groups, with the one in front that servers are expected to choose; nil when the order is not ours to change.
    ///
    /// Nothing is offered that the system's policy does not permit. GnuTLS's own order begins with P-256; X25519 is
    /// cheaper, and what servers have come to expect. Any other order has a reason, as has one in ``priority``.
    ///
    /// - Parameter group: What the server is known to choose; nil when nothing is known.
    func groupOrder(_ groups: [String], expecting group: String?) -> [String]? {
        let own = priority?.uppercased() ?? ""
        guard !own.contains("GROUP-"), !own.contains("CURVE-") else { return nil }
        let isPlain = groups.first == "SECP256R1" || groups.first == "X25519"
        let wanted = [group, "X25519"].compactMap { $0 }
        guard isPlain, let first = wanted.first(where: groups.contains) else { return nil }
        return [first] + groups.filter { $0 != first }
    }
}
