#include "tls/draft.h"

#include <arpa/inet.h>
#include <openssl/ec.h>

#include <string>

#include "base/host_port.h"

namespace weir::tls {
namespace {

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
int size_of(std::string_view text) { return static_cast<int>(text.size()); }

/// The bytes of an address literal in network order.
std::string address_bytes(const std::string& literal) {
  unsigned char bytes[16];
  if (inet_pton(AF_INET, literal.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 4};
  if (inet_pton(AF_INET6, literal.c_str(), bytes) == 1) return {reinterpret_cast<char*>(bytes), 16};
  return {};
}

}  // namespace

Draft::Draft() : certificate_(X509_new()), ok_(certificate_ != nullptr) {
  require(ok_ && X509_set_version(certificate_.get(), X509_VERSION_3) == 1);
}

void Draft::extension(int nid, void* value, bool critical) {
  require(ok_ && value != nullptr &&
          X509_add1_ext_i2d(certificate_.get(), nid, value, critical ? 1 : 0, X509V3_ADD_APPEND) == 1);
}

Draft& Draft::subject(std::string_view organisation, std::string_view common_name) {
  if (!ok_) return *this;
  X509_NAME* name = X509_get_subject_name(certificate_.get());
  auto add = [&](int nid, std::string_view text) {
    if (text.empty()) return;
    require(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, data_of(text), size_of(text), -1, 0) == 1);
  };
  add(NID_organizationName, organisation);
  add(NID_commonName, common_name);
  return *this;
}

Draft& Draft::issuer(const X509* authority) {
  require(ok_ && X509_set_issuer_name(certificate_.get(), X509_get_subject_name(authority)) == 1);
  return *this;
}

Draft& Draft::self_issued() { return issuer(certificate_.get()); }

Draft& Draft::valid(std::int64_t from, std::int64_t until) {
  require(ok_ && ASN1_TIME_set(X509_getm_notBefore(certificate_.get()), from) != nullptr &&
          ASN1_TIME_set(X509_getm_notAfter(certificate_.get()), until) != nullptr);
  return *this;
}

Draft& Draft::key(EVP_PKEY* key) {
  require(ok_ && X509_set_pubkey(certificate_.get(), key) == 1);
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  require(ok_ && X509_pubkey_digest(certificate_.get(), EVP_sha1(), digest, &size) == 1);
  Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> id(ASN1_OCTET_STRING_new());
  require(id && ASN1_OCTET_STRING_set(id.get(), digest, static_cast<int>(size)) == 1);
  extension(NID_subject_key_identifier, id.get(), false);
  return *this;
}

Draft& Draft::authority(int path_length) {
  Owned<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free> constraints(BASIC_CONSTRAINTS_new());
  require(constraints != nullptr);
  if (!ok_) return *this;
  constraints->ca = 0xFF;
  if (path_length >= 0) {
    constraints->pathlen = ASN1_INTEGER_new();
    require(constraints->pathlen && ASN1_INTEGER_set(constraints->pathlen, path_length) == 1);
  }
  extension(NID_basic_constraints, constraints.get(), true);
  return *this;
}

Draft& Draft::end_entity() {
  Owned<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free> constraints(BASIC_CONSTRAINTS_new());
  extension(NID_basic_constraints, constraints.get(), true);
  return *this;
}

Draft& Draft::key_usage(std::initializer_list<int> bits) {
  Owned<ASN1_BIT_STRING, ASN1_BIT_STRING_free> usage(ASN1_BIT_STRING_new());
  for (int bit : bits) require(usage && ASN1_BIT_STRING_set_bit(usage.get(), bit, 1) == 1);
  extension(NID_key_usage, usage.get(), true);
  return *this;
}

Draft& Draft::extended_key_usage(int nid) {
  // The stack does not own the object: OBJ_nid2obj gives a static one.
  Owned<EXTENDED_KEY_USAGE, [](EXTENDED_KEY_USAGE* usage) { sk_ASN1_OBJECT_free(usage); }> usage(
      sk_ASN1_OBJECT_new_null());
  require(usage && sk_ASN1_OBJECT_push(usage.get(), OBJ_nid2obj(nid)) > 0);
  extension(NID_ext_key_usage, usage.get(), false);
  return *this;
}

Draft& Draft::alternative_name(std::string_view host) {
  bool literal = is_ip_literal(host);
  std::string value = literal ? address_bytes(std::string(host)) : std::string(host);
  require(!value.empty());
  Owned<GENERAL_NAMES, GENERAL_NAMES_free> names(GENERAL_NAMES_new());
  Owned<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  Owned<ASN1_STRING, ASN1_STRING_free> text(
      ASN1_STRING_type_new(literal ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  require(names && name && text && ASN1_STRING_set(text.get(), value.data(), size_of(value)) == 1);
  if (!ok_) return *this;
  GENERAL_NAME_set0_value(name.get(), literal ? GEN_IPADD : GEN_DNS, text.release());
  require(sk_GENERAL_NAME_push(names.get(), name.get()) > 0);
  if (ok_) name.release();
  extension(NID_subject_alt_name, names.get(), false);
  return *this;
}

Draft& Draft::authority_key_id(X509* authority) {
  const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(authority);
  if (id == nullptr) return *this;
  Owned<AUTHORITY_KEYID, AUTHORITY_KEYID_free> key_id(AUTHORITY_KEYID_new());
  require(key_id != nullptr);
  if (!ok_) return *this;
  key_id->keyid = ASN1_OCTET_STRING_dup(id);
  require(key_id->keyid != nullptr);
  extension(NID_authority_key_identifier, key_id.get(), false);
  return *this;
}

void Draft::random_serial() {
  BignumPtr serial(BN_new());
  // The top bit is set: never zero, never shorter, and 126 bits are random.
  require(ok_ && serial && BN_rand(serial.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
          BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate_.get())) != nullptr);
}

Result<X509Ptr> Draft::sign(EVP_PKEY* key, const EVP_MD* digest) {
  random_serial();
  require(ok_ && X509_sign(certificate_.get(), key, digest) > 0);
  if (!ok_) return fail_openssl(Code::bad_certificate, "make a certificate");
  return std::move(certificate_);
}

Result<PkeyPtr> new_p256_key() {
  PkeyPtr key(EVP_EC_gen("P-256"));
  if (!key) return fail_openssl(Code::bad_certificate, "make a P-256 key");
  return key;
}

}  // namespace weir::tls
