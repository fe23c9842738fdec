#include <gtest/gtest.h>

#include <kith/net/nat/igd.hpp>
#include <kith/net/nat/limits.hpp>
#include <kith/net/nat/xml.hpp>

namespace kith::net {
namespace {

port::IpAddress ip(std::string_view text) {
  return *port::IpAddress::parse(text);
}
const port::IpAddress router = ip("192.168.1.1");
const DevicePlace root = {{router, 5000}, "/dev/root.xml"};

std::string connection(std::string_view type, std::string_view control) {
  return "<service><serviceType>urn:schemas-upnp-org:service:" + std::string(type) +
         "</serviceType><controlURL>" + std::string(control) + "</controlURL></service>";
}
std::string description(const std::string& services, const std::string& base = "") {
  return "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:schemas-upnp-org:device-1-0\">" + base +
         "<device><deviceList><device><deviceList><device><serviceList>" + services +
         "</serviceList></device></deviceList></device></deviceList></device></root>";
}
std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i)
    all += text;
  return all;
}

TEST(Xml, KeepsElementsAndTheirText) {
  const auto document = XmlDocument::parse(
      "<?xml version='1.0'?><!-- <no> --><a x='>' y=\"'\"> one <s:b/>&lt;&#65;&#x42; </a>\n");
  ASSERT_TRUE(document.has_value());
  ASSERT_EQ(document->elements().size(), 2u);
  EXPECT_EQ(document->elements()[0].text, "one <AB");
  EXPECT_EQ(document->elements()[1].name, "b");
  EXPECT_EQ(document->child(0, "b"), 1u);
}

TEST(Xml, RefusesWhatIsNotWellNestedOrRefersToSomething) {
  for (std::string_view wrong :
       {"", "text", "<a>", "</a>", "<a></b>", "<a/><b/>", "<a>&own;</a>", "<a>&#300;</a>",
        "<a>&amp</a>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a><![CDATA[b]]></a>",
        "<a x=\"></a>", "<a <b></b></a>", "<>", "<a b", "<!-- <a/>", "<?xml <a/>", "<a></a>b"}) {
    EXPECT_FALSE(XmlDocument::parse(wrong).has_value()) << wrong;
  }
}

TEST(Xml, HasLimits) {
  EXPECT_TRUE(XmlDocument::parse(repeated("<a>", xml_depth_max) + repeated("</a>", xml_depth_max))
                  .has_value());
  EXPECT_TRUE(
      XmlDocument::parse(repeated("<a>", xml_depth_max + 1)).error().is(Errc::limit_exceeded));
  EXPECT_TRUE(XmlDocument::parse("<a>" + repeated("<b/>", xml_elements_max) + "</a>")
                  .error()
                  .is(Errc::limit_exceeded));
  EXPECT_FALSE(XmlDocument::parse("<" + std::string(xml_name_bytes_max + 1, 'a') + "/>"));
  const auto long_text = XmlDocument::parse("<a>" + std::string(5000, 'x') + "</a>");
  ASSERT_TRUE(long_text.has_value());
  EXPECT_EQ(long_text->elements()[0].text.size(), xml_text_bytes_max);
  EXPECT_TRUE(XmlDocument::parse("<a>" + std::string(upnp_document_bytes_max, ' ') + "</a>")
                  .error()
                  .is(Errc::limit_exceeded));
}

TEST(DeviceUrl, IsHttpToAnAddressOfIpv4) {
  EXPECT_EQ(parse_device_url("http://192.168.1.1:5000/dev/root.xml"), root);
  EXPECT_EQ(parse_device_url("HTTP://192.168.1.1"), (DevicePlace{{router, 80}, "/"}));
  EXPECT_EQ(parse_device_url("http://192.168.1.1?a"), (DevicePlace{{router, 80}, "/?a"}));
  for (std::string_view wrong :
       {"", "https://192.168.1.1/", "http://", "http://router/", "http://[::1]/",
        "http://a@192.168.1.1/", "http://192.168.1.1:0/", "http://192.168.1.1:70000/",
        "http://192.168.1.1:/", "http://192.168.1.1/a b", "http://192.168.1.1/\r\nX: y",
        "http://192.168.1.1/#a", "file:///etc/passwd"}) {
    EXPECT_FALSE(parse_device_url(wrong).has_value()) << wrong;
  }
  EXPECT_FALSE(parse_device_url("http://192.168.1.1/" + std::string(device_url_bytes_max, 'a')));
}

TEST(Ssdp, BelievesADeviceOnlyAboutItself) {
  const std::string answer =
      "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\n"
      "ST: urn:schemas-upnp-org:device:InternetGatewayDevice:1\r\n"
      "USN: uuid:1\r\nEXT:\r\nLocation: http://192.168.1.1:5000/dev/root.xml\r\n\r\n";
  EXPECT_EQ(decode_ssdp_answer(as_bytes(answer), router), root);
  EXPECT_FALSE(decode_ssdp_answer(as_bytes(answer), ip("192.168.1.7")).has_value());
  const auto changed = [&answer](std::string_view what, std::string_view into) {
    std::string other = answer;
    other.replace(other.find(what), what.size(), into);
    return decode_ssdp_answer(as_bytes(other), router).has_value();
  };
  EXPECT_TRUE(changed("device:InternetGatewayDevice:1", "service:WANIPConnection:2"));
  EXPECT_FALSE(changed("InternetGatewayDevice", "MediaServer"));
  EXPECT_FALSE(changed("200 OK", "404 Not Found"));
  EXPECT_FALSE(changed("HTTP/1.1 200 OK", "NOTIFY * HTTP/1.1"));
  EXPECT_FALSE(changed("Location", "Elsewhere"));
  EXPECT_FALSE(changed("\r\n\r\n", "\r\n"));
  EXPECT_EQ(ssdp_searches().size(), 2u);
}

TEST(Igd, FindsTheConnectionsOfADescription) {
  const auto services =
      igd_services(description(connection("WANCommonInterfaceConfig:1", "/ctl/Common") +
                               connection("WANIPConnection:2", "/ctl/IP") +
                               connection("WANPPPConnection:1", "ppp?x=1") +
                               connection("WANIPConnection:1", "http://192.168.1.1:80/a")),
                   root);
  ASSERT_TRUE(services.has_value());
  ASSERT_EQ(services->size(), 3u);
  EXPECT_EQ((*services)[0].control, (DevicePlace{{router, 5000}, "/ctl/IP"}));
  EXPECT_TRUE((*services)[0].any_port());
  EXPECT_EQ((*services)[1].control, (DevicePlace{{router, 5000}, "/dev/ppp?x=1"}));
  EXPECT_FALSE((*services)[1].any_port());
  EXPECT_EQ((*services)[2].control, (DevicePlace{{router, 80}, "/a"}));
}

TEST(Igd, IsLedNowhereElse) {
  const auto services = [](const std::string& text) { return igd_services(text, root)->size(); };
  const std::string plain = connection("WANIPConnection:1", "/ctl");
  EXPECT_EQ(services(description(plain, "<URLBase>http://192.168.1.1:80/</URLBase>")), 1u);
  EXPECT_EQ(services(description(plain, "<URLBase>http://192.168.1.9:80/</URLBase>")), 0u);
  EXPECT_EQ(services(description(connection("WANIPConnection:1", "http://10.0.0.1/ctl"))), 0u);
  EXPECT_EQ(services(description(connection("WANIPConnection:1", "http://127.0.0.1:5001/"))), 0u);
  EXPECT_EQ(services(description(connection("WANIPConnection:1", "@10.0.0.1/ctl"))), 1u);
  EXPECT_EQ(services(description(repeated(plain, 20))), igd_services_max);
}

TEST(Soap, IsWrittenAndRead) {
  const std::string_view type = "urn:schemas-upnp-org:service:WANIPConnection:1";
  const std::string request = soap_request(type, "AddPortMapping", {{"NewPort", "1<2"}});
  EXPECT_NE(request.find("<u:AddPortMapping xmlns:u=\"" + std::string(type) +
                         "\"><NewPort>1&lt;2</NewPort></u:AddPortMapping>"),
            std::string::npos);
  EXPECT_EQ(soap_action(type, "A"), "\"" + std::string(type) + "#A\"");
  const auto answer = decode_soap(
      "<s:Envelope xmlns:s='x'><s:Body><u:GetExternalIPAddressResponse xmlns:u='y'>"
      "<NewExternalIPAddress>198.51.100.7</NewExternalIPAddress>"
      "</u:GetExternalIPAddressResponse></s:Body></s:Envelope>",
      "GetExternalIPAddress");
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->value("NewExternalIPAddress"), "198.51.100.7");
  EXPECT_EQ(answer->value("other"), "");
  const auto fault = decode_soap(
      "<s:Envelope><s:Body><s:Fault><detail><UPnPError><errorCode>718</errorCode></UPnPError></"
      "detail>"
      "</s:Fault></s:Body></s:Envelope>",
      "AddPortMapping");
  ASSERT_TRUE(fault.has_value());
  EXPECT_EQ(fault->fault, upnp_conflict);
  for (std::string_view wrong : {"<a/>", "<Envelope/>", "<Envelope><Body/></Envelope>",
                                 "<Envelope><Body><Fault/></Body></Envelope>",
                                 "<Envelope><Body><OtherResponse/></Body></Envelope>", "not xml"}) {
    EXPECT_FALSE(decode_soap(wrong, "AddPortMapping").has_value()) << wrong;
  }
}

}  // namespace
}  // namespace kith::net
