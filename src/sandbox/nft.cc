#include "sandbox/nft.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>

#include <functional>

namespace weir::sandbox::nft {
namespace {

constexpr std::uint32_t kRegister = NFT_REG_1;

std::string encoded(const std::function<void(NetlinkMessages&)>& add) {
  NetlinkMessages out;
  add(out);
  return out.finish(0);
}

Expression expression(std::string name, const std::function<void(NetlinkMessages&)>& add) {
  return {std::move(name), encoded(add)};
}

void value(NetlinkMessages& out, std::uint16_t type, std::string_view bytes) {
  out.nest(type, [&] { out.attribute(NFTA_DATA_VALUE, bytes); });
}

Expression load_meta(std::uint32_t key) {
  return expression("meta", [&](NetlinkMessages& out) {
    out.big32(NFTA_META_KEY, key);
    out.big32(NFTA_META_DREG, kRegister);
  });
}

Expression load_payload(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
  return expression("payload", [&](NetlinkMessages& out) {
    out.big32(NFTA_PAYLOAD_DREG, kRegister);
    out.big32(NFTA_PAYLOAD_BASE, base);
    out.big32(NFTA_PAYLOAD_OFFSET, offset);
    out.big32(NFTA_PAYLOAD_LEN, length);
  });
}

Expression compare(std::uint32_t how, std::string_view bytes) {
  return expression("cmp", [&](NetlinkMessages& out) {
    out.big32(NFTA_CMP_SREG, kRegister);
    out.big32(NFTA_CMP_OP, how);
    value(out, NFTA_CMP_DATA, bytes);
  });
}

std::string native(auto number) { return {reinterpret_cast<const char*>(&number), sizeof number}; }
std::string big16(std::uint16_t number) { return native(htons(number)); }

Rule verdict(std::uint32_t code) {
  return {expression("immediate", [&](NetlinkMessages& out) {
    out.big32(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
    out.nest(NFTA_IMMEDIATE_DATA,
             [&] { out.nest(NFTA_DATA_VERDICT, [&] { out.big32(NFTA_VERDICT_CODE, code); }); });
  })};
}

Rule of_family(std::uint8_t family) {
  return {load_meta(NFT_META_NFPROTO), compare(NFT_CMP_EQ, native(family))};
}

constexpr std::uint16_t message(std::uint16_t kind) {
  return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | kind);
}

nfgenmsg family(std::uint8_t of, std::uint16_t resource = 0) {
  return {.nfgen_family = of, .version = NFNETLINK_V0, .res_id = htons(resource)};
}

void open_batch(NetlinkMessages& out) {
  out.begin(NFNL_MSG_BATCH_BEGIN, 0, family(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void close_batch(NetlinkMessages& out) {
  out.begin(NFNL_MSG_BATCH_END, 0, family(AF_UNSPEC, NFNL_SUBSYS_NFTABLES));
}

void add_chain(NetlinkMessages& out, const Table& table, const Chain& chain) {
  out.begin(message(NFT_MSG_NEWCHAIN), NLM_F_CREATE | NLM_F_ACK, family(NFPROTO_INET));
  out.text(NFTA_CHAIN_TABLE, table.name);
  out.text(NFTA_CHAIN_NAME, chain.name);
  out.nest(NFTA_CHAIN_HOOK, [&] {
    out.big32(NFTA_HOOK_HOOKNUM, chain.hook);
    out.big32(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(chain.priority));
  });
  out.big32(NFTA_CHAIN_POLICY, chain.policy);
  out.text(NFTA_CHAIN_TYPE, chain.type);
}

void add_rule(NetlinkMessages& out, const Table& table, const Chain& chain, const Rule& rule) {
  out.begin(message(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, family(NFPROTO_INET));
  out.text(NFTA_RULE_TABLE, table.name);
  out.text(NFTA_RULE_CHAIN, chain.name);
  out.nest(NFTA_RULE_EXPRESSIONS, [&] {
    for (const Expression& one : rule)
      out.nest(NFTA_LIST_ELEM, [&] {
        out.text(NFTA_EXPR_NAME, one.name);
        out.attribute(NFTA_EXPR_DATA | NLA_F_NESTED, one.attributes);
      });
  });
}

/// Everything of `ours` is in `kernels`, which may say more: defaults, handles. Values are compared as bytes
/// unless the same bytes are attributes with something left out.
bool says(std::string_view kernels, std::string_view ours) {
  if (kernels == ours) return true;
  auto want = attributes_of(ours), have = attributes_of(kernels);
  if (want.empty()) return false;
  for (const NetlinkAttribute& one : want) {
    std::string_view found = find_attribute(have, one.type);
    if (found.data() == nullptr || !says(found, one.payload)) return false;
  }
  return true;
}

std::string text_of(std::string_view payload) { return std::string(payload.substr(0, payload.find('\0'))); }

bool is_rule(std::string_view expressions, const Rule& rule) {
  auto have = attributes_of(expressions);
  if (have.size() != rule.size()) return false;
  for (std::size_t i = 0; i < rule.size(); ++i) {
    auto parts = attributes_of(have[i].payload);
    if (text_of(find_attribute(parts, NFTA_EXPR_NAME)) != rule[i].name) return false;
    if (!says(find_attribute(parts, NFTA_EXPR_DATA), rule[i].attributes)) return false;
  }
  return true;
}

constexpr std::size_t kGenericHeader = sizeof(nfgenmsg);

}  // namespace

Rule rule(std::initializer_list<Rule> parts) {
  Rule out;
  for (const Rule& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

Rule protocol_is(std::uint8_t ip_protocol) {
  return {load_meta(NFT_META_L4PROTO), compare(NFT_CMP_EQ, native(ip_protocol))};
}

Rule to_port(std::uint16_t port) {
  constexpr std::uint32_t kDestinationPort = 2;
  return {load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, kDestinationPort, 2), compare(NFT_CMP_EQ, big16(port))};
}

constexpr std::uint32_t kIpv4Destination = 16;
constexpr std::uint32_t kIpv6Destination = 24;

Rule to_ipv4_loopback() {
  return rule({of_family(NFPROTO_IPV4),
               {load_payload(NFT_PAYLOAD_NETWORK_HEADER, kIpv4Destination, 1), compare(NFT_CMP_EQ, "\x7f")}});
}

Rule to_ipv6_loopback() {
  return rule({of_family(NFPROTO_IPV6),
               {load_payload(NFT_PAYLOAD_NETWORK_HEADER, kIpv6Destination, 16),
                compare(NFT_CMP_EQ, native(in6addr_loopback))}});
}

Rule to_ipv4(std::string_view address) {
  return rule(
      {of_family(NFPROTO_IPV4),
       {load_payload(NFT_PAYLOAD_NETWORK_HEADER, kIpv4Destination, 4), compare(NFT_CMP_EQ, address)}});
}

Rule of_known_connection() {
  auto load = expression("ct", [](NetlinkMessages& out) {
    out.big32(NFTA_CT_DREG, kRegister);
    out.big32(NFTA_CT_KEY, NFT_CT_STATE);
  });
  std::uint32_t wanted = NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED);
  auto mask = expression("bitwise", [&](NetlinkMessages& out) {
    out.big32(NFTA_BITWISE_SREG, kRegister);
    out.big32(NFTA_BITWISE_DREG, kRegister);
    out.big32(NFTA_BITWISE_LEN, sizeof wanted);
    value(out, NFTA_BITWISE_MASK, native(wanted));
    value(out, NFTA_BITWISE_XOR, native(std::uint32_t{0}));
  });
  return {load, mask, compare(NFT_CMP_NEQ, native(std::uint32_t{0}))};
}

Rule not_marked(std::uint32_t mark) { return {load_meta(NFT_META_MARK), compare(NFT_CMP_NEQ, native(mark))}; }

Rule to_neighbours() {
  return rule(
      {protocol_is(IPPROTO_ICMPV6),
       {load_payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1), compare(NFT_CMP_GTE, native(std::uint8_t{133})),
        compare(NFT_CMP_LTE, native(std::uint8_t{137}))}});
}

Rule accept() { return verdict(NF_ACCEPT); }
Rule drop() { return verdict(NF_DROP); }

Rule reject() {
  return {expression("reject", [](NetlinkMessages& out) {
    out.big32(NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
    out.byte(NFTA_REJECT_ICMP_CODE, NFT_REJECT_ICMPX_PORT_UNREACH);
  })};
}

Rule reset_connection() {
  return {
      expression("reject", [](NetlinkMessages& out) { out.big32(NFTA_REJECT_TYPE, NFT_REJECT_TCP_RST); })};
}

Rule redirect_to(std::uint16_t port) {
  auto load = expression("immediate", [&](NetlinkMessages& out) {
    out.big32(NFTA_IMMEDIATE_DREG, kRegister);
    value(out, NFTA_IMMEDIATE_DATA, big16(port));
  });
  auto redirect =
      expression("redir", [](NetlinkMessages& out) { out.big32(NFTA_REDIR_REG_PROTO_MIN, kRegister); });
  return {load, redirect};
}

Result<> install(NetlinkSocket& netfilter, const Table& table) {
  NetlinkMessages out;
  open_batch(out);
  out.begin(message(NFT_MSG_NEWTABLE), NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, family(NFPROTO_INET));
  out.text(NFTA_TABLE_NAME, table.name);
  for (const Chain& chain : table.chains) {
    add_chain(out, table, chain);
    for (const Rule& one : chain.rules) add_rule(out, table, chain, one);
  }
  close_batch(out);
  return netfilter.request(std::move(out), "adding the nf_tables rules");
}

Result<> verify(NetlinkSocket& netfilter, const Table& table) {
  NetlinkMessages ask;
  ask.begin(message(NFT_MSG_GETRULE), NLM_F_DUMP, family(NFPROTO_INET));
  auto answers = netfilter.dump(std::move(ask), "reading the nf_tables rules back");
  if (!answers) return pass(answers);
  for (const Chain& chain : table.chains) {
    std::size_t seen = 0;
    for (const NetlinkAnswer& answer : *answers) {
      if (answer.body.size() < kGenericHeader) continue;
      auto parts = attributes_of(std::string_view(answer.body).substr(kGenericHeader));
      if (text_of(find_attribute(parts, NFTA_RULE_TABLE)) != table.name ||
          text_of(find_attribute(parts, NFTA_RULE_CHAIN)) != chain.name)
        continue;
      bool same = seen < chain.rules.size() &&
                  is_rule(find_attribute(parts, NFTA_RULE_EXPRESSIONS), chain.rules[seen]);
      if (!same)
        return fail(Code::internal,
                    fmt::format("rule {} of the nf_tables chain {} is not the one that was added", seen + 1,
                                chain.name));
      ++seen;
    }
    if (seen != chain.rules.size())
      return fail(Code::internal, fmt::format("the nf_tables chain {} has {} rules in place of {}",
                                              chain.name, seen, chain.rules.size()));
  }
  return {};
}

Result<> remove(NetlinkSocket& netfilter, std::string_view name) {
  NetlinkMessages out;
  open_batch(out);
  out.begin(message(NFT_MSG_DELTABLE), NLM_F_ACK, family(NFPROTO_INET));
  out.text(NFTA_TABLE_NAME, name);
  close_batch(out);
  return netfilter.request(std::move(out), "removing the nf_tables rules");
}

}  // namespace weir::sandbox::nft
