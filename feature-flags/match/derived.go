package match

import "strings"

// plainNames are the properties of which the person keeps the first value under another name, $x as $initial_x and x as $initial_x.
var plainNames = strings.Fields(`$app_build $app_name $app_namespace $app_version $browser $browser_version $device_type $current_url
	$pathname $os $os_version $referring_domain $referrer $screen_height $screen_width $viewport_height $viewport_width $raw_user_agent
	utm_source utm_medium utm_campaign utm_content utm_term gclid gad_source gclsrc dclid gbraid wbraid fbclid msclkid twclid li_fat_id
	mc_cid igshid ttclid rdt_cid epik qclid sccid irclid _kx`)

// addFills makes the person's derived properties: of $os and $os_name a missing one is the other, then a missing $initial_x is x. Their
// sources get slots, if definitions ask for what is made of them.
func (c *compiler) addFills() {
	names := c.set.areas[personArea].names
	var initials []fill
	for _, plain := range plainNames {
		if to, asked := names["$initial_"+strings.TrimPrefix(plain, "$")]; asked {
			initials = append(initials, fill{to: to, from: c.slot(personArea, plain)})
		}
	}
	_, os := names["$os"]
	_, osName := names["$os_name"]
	if os || osName {
		a, b := c.slot(personArea, "$os"), c.slot(personArea, "$os_name")
		c.set.fills = append(c.set.fills, fill{a, b}, fill{b, a})
	}
	c.set.fills = append(c.set.fills, initials...)
}
